"""mlx-lm continues a prompt."""

from mlx_lm import generate, load

model, tokenizer = load("model-mlx", trust_remote_code=True)
print(generate(model, tokenizer, "If the object is a ", max_tokens=45))
