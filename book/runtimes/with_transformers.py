"""Transformers continues a prompt."""

from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("model-hf")
model = AutoModelForCausalLM.from_pretrained("model-hf")
prompt = tokenizer("If the object is a ", return_tensors="pt")
tokens = model.generate(**prompt, max_new_tokens=45, do_sample=False)[0]
print(tokenizer.decode(tokens[prompt["input_ids"].shape[1] :]))
