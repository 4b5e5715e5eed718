"""The runtimes that load an export, each asked in its own way for logits and for a continuation.

None is a dependency of the package: they are imported when they are asked, and the error says what
to install.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import urllib.request
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np

from ternary.arrays import Floats, Ints
from ternary.codecs import decode, from_mlx
from ternary.errors import TernaryError
from ternary.export.gguf import gguf_name
from ternary.export.gguf_file import F16
from ternary.export.gguf_reader import read_gguf_header, read_tensor
from ternary.export.huggingface import half_rotation, hf_name
from ternary.export.safetensors_file import read_array, read_safetensors_header
from ternary.export.weights import TernaryWeights


class Reader(ABC):
    """A runtime with one model loaded.

    Parameters
    ----------
    path
        The export: a file or a folder.
    context
        Tokens that the model was trained on at once.
    """

    package: str
    extra: str

    def __init__(self, path: Path, context: int) -> None:
        self.path, self.context = str(path), context
        self.load()

    @abstractmethod
    def load(self) -> None:
        """Load the model and its tokenizer."""

    @abstractmethod
    def tokens(self, text: str) -> list[int]:
        """The text as the runtime's own tokenizer reads it."""

    @abstractmethod
    def logits(self, tokens: Ints) -> Floats:
        """Logits `(T, vocab_size)` of one sequence `(T,)`, up to a constant at each position."""

    @abstractmethod
    def continuation(self, prompt: str, n_tokens: int) -> str:
        """What the runtime's own greedy generation adds to a prompt."""

    @classmethod
    def version(cls) -> list[int]:
        """Version of the package, as numbers."""
        text = importlib.metadata.version(cls.package)
        return [int(part) for part in text.split("+")[0].split(".")[:3] if part.isdigit()]

    def need(self, module: str) -> Any:
        """Import a module of the runtime.

        Raises
        ------
        TernaryError
            If it is not installed: it says what to install.
        """
        try:
            return importlib.import_module(module)
        except ImportError as error:
            raise TernaryError(
                f"{self.package} is not installed ({error}); install it with "
                f"python -m pip install '.[{self.extra}]' in the folder of the book"
            ) from None


class Transformers(Reader):
    """Hugging Face Transformers, on PyTorch."""

    package, extra = "transformers", "runtimes"

    def load(self) -> None:
        self.torch = self.need("torch")
        auto = self.need("transformers")
        self.model = auto.AutoModelForCausalLM.from_pretrained(self.path)
        self.tokenizer = auto.AutoTokenizer.from_pretrained(self.path)

    def tokens(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text)["input_ids"]
        return ids

    def logits(self, tokens: Ints) -> Floats:
        with self.torch.no_grad():
            logits: Floats = self.model(self.torch.tensor(tokens)[None]).logits[0].numpy()
        return logits

    def continuation(self, prompt: str, n_tokens: int) -> str:
        inputs = self.tokenizer(prompt, return_tensors="pt")
        n = inputs["input_ids"].shape[1]
        out = self.model.generate(**inputs, max_new_tokens=n_tokens, do_sample=False)[0]
        return str(self.tokenizer.decode(out[n:]))


class MLX(Reader):
    """mlx-lm, on the processor."""

    package, extra = "mlx-lm", "runtimes"

    def load(self) -> None:
        self.mx, self.mlx_lm = self.need("mlx.core"), self.need("mlx_lm")
        self.mx.set_default_device(self.mx.cpu)
        self.model, self.tokenizer = self.mlx_lm.load(self.path, trust_remote_code=True)

    def tokens(self, text: str) -> list[int]:
        return list(self.tokenizer.encode(text))

    def logits(self, tokens: Ints) -> Floats:
        return np.array(self.model(self.mx.array(tokens)[None])[0])

    def continuation(self, prompt: str, n_tokens: int) -> str:
        # By tokens: the text that mlx-lm makes of them has lost a space at its beginning.
        stream = self.mlx_lm.stream_generate(self.model, self.tokenizer, prompt, n_tokens)
        return bytes(response.token for response in stream).decode(errors="replace")


class LlamaCpp(Reader):
    """llama.cpp itself: its server, in this process, asked over its own interface.

    The package xllamacpp brings it as a wheel. The server answers with log-probabilities of the
    next token, so `logits` asks once for every position.
    """

    package, extra = "xllamacpp", "runtimes"
    n_threads = 1

    def load(self) -> None:
        xllamacpp = self.need("xllamacpp")
        settings = xllamacpp.CommonParams()
        settings.model.path = self.path
        settings.n_ctx, settings.n_parallel, settings.n_gpu_layers = self.context, 1, 0
        settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = self.n_threads
        settings.warmup, settings.verbosity = False, 0
        try:
            self.server = xllamacpp.Server(settings)
        except RuntimeError as error:
            raise TernaryError(f"llama.cpp does not load {self.path}: {error}") from None

    def ask(self, where: str, **question: Any) -> Any:
        """Post a question to the server and return its answer."""
        request = urllib.request.Request(
            self.server.listening_address + where,
            json.dumps(question).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def tokens(self, text: str) -> list[int]:
        return list(self.ask("/tokenize", content=text, add_special=True)["tokens"])

    def logits(self, tokens: Ints) -> Floats:
        prefixes = [tokens[: n + 1].tolist() for n in range(len(tokens))]
        return np.stack([self._next(prefix) for prefix in prefixes])

    def continuation(self, prompt: str, n_tokens: int) -> str:
        return self.sample(prompt, n_tokens, 0, 0)

    def sample(self, prompt: str, n_tokens: int, temperature: float, seed: int) -> str:
        """What the server's own sampling adds to a prompt."""
        answer = self.ask(
            "/completion", prompt=prompt, n_predict=n_tokens, temperature=temperature, seed=seed
        )
        return str(answer["content"])

    def _next(self, prefix: list[int]) -> Floats:
        answer = self.ask(
            "/completion",
            prompt=prefix,
            n_predict=1,
            n_probs=256,
            temperature=0,
            cache_prompt=False,
        )
        of_next = np.empty(256)
        for token in answer["completion_probabilities"][0]["top_logprobs"]:
            of_next[token["id"]] = token["logprob"]
        return of_next


class LlamaCppPython(Reader):
    """llama.cpp through llama-cpp-python, which is built where it is installed."""

    package, extra = "llama-cpp-python", "llama"

    def load(self) -> None:
        llama_cpp = self.need("llama_cpp")
        self.model = llama_cpp.Llama(
            self.path, n_ctx=self.context, logits_all=True, n_threads=1, verbose=False
        )

    def tokens(self, text: str) -> list[int]:
        return list(self.model.tokenize(text.encode(), add_bos=True, special=False))

    def logits(self, tokens: Ints) -> Floats:
        self.model.reset()
        self.model.eval(tokens.tolist())
        return np.array(self.model.scores[: len(tokens)])

    def continuation(self, prompt: str, n_tokens: int) -> str:
        out = self.model(prompt, max_tokens=n_tokens, temperature=0, repeat_penalty=1.0)
        return str(out["choices"][0]["text"])


def wrong_in_gguf(path: Path, weights: TernaryWeights) -> int:
    """How many weights of a GGUF file, decoded by our codecs, are not those of the model."""
    header, wrong = read_gguf_header(path), 0
    types = {tensor.name: tensor.type for tensor in header.tensors}
    for name, codes in weights.codes.items():
        data = read_tensor(path, header, gguf_name(name))
        if types[gguf_name(name)] == F16:
            wrong += int((data.view("<f2") != weights.matrix(name)).sum())
            continue
        read, scales = decode("Q2_0", data, codes.shape[1], weights.group_size)
        wrong += int((read != codes).sum()) + int((scales != weights.scales[name]).sum())
    return wrong


def wrong_in_folder(path: Path, weights: TernaryWeights) -> int:
    """The same for a folder of Transformers or of MLX."""
    file = path / "model.safetensors"
    header, wrong = read_safetensors_header(file), 0
    for name, codes in weights.codes.items():
        module, W = hf_name(name), weights.matrix(name)
        if f"{module}.scales" in header.tensors:
            packed, s, b = (
                read_array(file, header, f"{module}.{part}")
                for part in ("weight", "scales", "biases")
            )
            read, scales = from_mlx(packed, s, b, weights.group_size)
            wrong += int((read != codes).sum()) + int((scales != weights.scales[name]).sum())
            continue
        if name.endswith((".q", ".k")):
            W = half_rotation(W, weights.config.n_heads)
        wrong += int((read_array(file, header, f"{module}.weight") != W).sum())
    return wrong
