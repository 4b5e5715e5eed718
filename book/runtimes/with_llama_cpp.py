"""llama.cpp, through the package llama-cpp-python, continues a prompt."""

from llama_cpp import Llama

model = Llama("model.gguf", n_ctx=64, verbose=False)
answer = model("If the object is a ", max_tokens=45, temperature=0, repeat_penalty=1.0)
print(answer["choices"][0]["text"])
