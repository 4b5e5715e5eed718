"""The predictions. Their code starts from the names of the program, `np` among them."""

from ternary.course.prediction import Prediction

Prediction(
    id="zeros_of_a_group",
    page="three-values",
    heading="What the codes say",
    question="Of 128 normal weights, how many get the code 0? (right within a fifth)",
    code="""\
w = np.random.default_rng(0).standard_normal((1, 128))
codes, scales = codes_and_scales(w, np.array([128]))
print(int((codes == 0).sum()))""",
    within=1.2,
    explanation="The mean magnitude of normal numbers is 0.8 standard deviations, and half of it "
    "0.4. Within 0.4 on either side lie 31 in a hundred, 40 of 128, give or take five. A zero "
    "costs nothing: it is no rounding error of the code, but a third value that is used.",
)
Prediction(
    id="zeros_when_shrunk",
    page="near-zero-scales",
    heading="Small is not the problem",
    question="The same weights, all multiplied by 0.001: are there more zeros, fewer, or as many?",
    code="""\
w = np.random.default_rng(0).standard_normal((1, 128))
before, after = ((codes_and_scales(c * w, np.array([128]))[0] == 0).sum() for c in (1, 0.001))
print("more" if after > before else "fewer" if after < before else "as many")""",
    within=1,
    choices=("more", "fewer", "as many"),
    explanation="Every weight shrinks, and the mean magnitude beside it shrinks as much. Each "
    "comparison comes out as before. What makes codes go wrong is a scale that belongs to other "
    "weights, not a small one.",
)
Prediction(
    id="first_adam_step",
    page="weight-decay",
    heading="The optimizer that does it",
    question="AdamW's first step, with learning rate 0.01 and no decay, on a weight whose gradient "
    "is 0.000001: by how much does the weight move? (right within a tenth)",
    code="""\
w, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
adamw(w, np.array([1e-6]), m, v, 1, 0.01, 0.0)
print(f"{1 - w[0]:.6f}")""",
    within=1.1,
    explanation="The first step divides the gradient by its own magnitude, so it is as long as the "
    "learning rate for every weight, whatever the gradient. Only a gradient near eps, here 1e-8, "
    "feels it: a hundredth is missing.",
)
Prediction(
    id="loss_of_nothing",
    page="transformer",
    heading="Cross-entropy",
    question="Before the first step, all logits are nearly equal. What is the loss over 256 bytes, "
    "in nats? (right within a twentieth)",
    code="""\
logits, targets = np.zeros((4, 256)), np.arange(4)
print(f"{cross_entropy(logits, targets)[0]:.3f}")""",
    within=1.05,
    explanation="Equal logits give every byte the probability 1/256, and the loss is ln 256, 5.545 "
    "nats or 8 bits. A run that starts at 20 has logits that are far too large.",
)
Prediction(
    id="one_outlier",
    page="activations",
    heading="One scale a token",
    question="A vector of 128 normal numbers, then one of them made 100. Rounded to int8 with one "
    "scale, how many of the other 127 become 0? (right within a third)",
    code="""\
x = np.random.default_rng(0).standard_normal((1, 128))
x[0, 0] = 100
scale = np.abs(x).max() / 127
print(int((np.rint(x / scale) == 0).sum()))""",
    within=1.34,
    explanation="The step is 100/127, about 0.79; what is below half a step, 0.39, becomes 0. That "
    "are 31 in a hundred normal numbers: int8 has become as coarse as our three values.",
)
Prediction(
    id="bytes_of_a_block",
    page="packing",
    heading="Blocks",
    question="How many bits a weight does Q2_0 take, with its blocks of 64 codes and one float16 "
    "scale?",
    code="""\
block = q2_0(np.zeros((1, 128), np.int8), np.ones(1, np.float16))
print(block.size * 8 / 128)""",
    within=1,
    explanation="Two bits for each code, and 16 bits of scale for 64 of them, a quarter of a bit. "
    "A group of 128 has two blocks, so its scale is stored twice.",
)
Prediction(
    id="lost_steps",
    page="memory",
    heading="A step that disappears",
    question="A bfloat16 latent at 0.1 has a spacing of 1/2048. It is moved by 0.0002 five hundred "
    "times, rounded to the nearest each time. How far has it come?",
    code="""\
w = round(0.1 * 2048)
start = w
for _ in range(500):
    w = round(w + 0.0002 * 2048)
print((w - start) / 2048)""",
    within=1,
    explanation="Half a spacing is 0.000244, and a step of 0.0002 is shorter: it is rounded away, "
    "every single time. Rounded by chance it would have come 0.1 far, as it should.",
)
Prediction(
    id="accuracy_at_random",
    page="full-model",
    heading="The control",
    question="The copy task has 256 symbols. Which share of 1024 tokens does a model that was "
    "never trained get right, in percent?",
    code="""\
latents = first_latents(SHAPES, np.random.default_rng(0))
tokens = np.random.default_rng(1).integers(0, VOCAB, (64, 16))
right = (forward(project(latents), tokens)[0].argmax(axis=1) == tokens.reshape(-1)).mean()
print("below 5" if right < 0.05 else "5 to 50" if right < 0.5 else "above 50")""",
    within=1,
    choices=("below 5", "5 to 50", "above 50"),
    explanation="One in 256 by chance, 0.4 percent. The embedding and the head are two matrices "
    "with nothing in common before training, so that even copying has to be learned.",
)
