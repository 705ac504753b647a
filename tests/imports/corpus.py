"""Hundreds of malicious and damaged files, and what becomes of them; run as a program, so that costs are real.

    python -m tests.imports.corpus FOLDER

A file is assembled instruction by instruction, or is a real checkpoint with something changed. What runs would
leave the file `canary` in the folder behind. Prints JSON: what each file is refused with, and after how many CPU
seconds; which events of an interpreter that executes something occurred; how many bytes the memory grew by. A file that
takes SECONDS of CPU, or MEMORY, ends the program.
"""

import copyreg
import json
import os
import random
import resource
import struct
import sys
import time
from pathlib import Path

from spatialgan.imports.checkpoint import read_checkpoint
from spatialgan.imports.model import import_generator
from tests.imports import checkpoints
from tests.imports.assembly import in_state, loaded, number, storage, tensor, text, whole
from tests.imports.multipliers import MULTIPLIERS

COMMAND = "touch canary"
SECONDS = 5  # of CPU, for one file: then the process is ended
MEMORY = 512 * 2**20  # bytes for all of them, beyond what an import of a good file takes
CALLABLES = {
    "os.system": (COMMAND,),
    "posix.system": (COMMAND,),
    "os.popen": (COMMAND,),
    "subprocess.getoutput": (COMMAND,),
    "subprocess.Popen": ("touch", "canary"),
    "builtins.exec": ("open('canary', 'w')",),
    "builtins.eval": ("open('canary', 'w')",),
    "builtins.open": ("canary", "w"),
    "builtins.__import__": ("canary",),
    "builtins.getattr": ("os", "system"),
    "builtins.compile": ("open('canary', 'w')", "x", "exec"),
    "__builtin__.eval": ("open('canary', 'w')",),
    "importlib.import_module": ("canary",),
    "runpy.run_path": ("canary",),
    "timeit.timeit": ("open('canary', 'w')",),
    "operator.attrgetter": ("system",),
    "functools.partial": ("system",),
    "copyreg.add_extension": ("os", "system"),
    "copyreg._reconstructor": ("os", "system"),
    "pickle.loads": ("payload",),
    "torch.load": ("canary",),
    "torch.serialization.load": ("canary",),
    "torch.hub.load": ("canary", "canary"),
    "torch.storage.UntypedStorage": ("x",),
    "numpy.load": ("canary",),
    "ctypes.CDLL": ("canary",),
    "shutil.rmtree": ("canary",),
    "torch_utils.persistence._src_to_module": ("open('canary', 'w')",),
    "dnnlib.tflib.network.Network": ("canary",),
}
REGISTERED = 0xC0DE  # an extension code of os.system, while the tests run


def dotted(name):
    module, _, attribute = name.rpartition(".")
    return module.encode(), attribute.encode()


def arguments(values):
    return b"(" + b"".join(map(text, values)) + b"t"


def by_global(name, values):
    module, attribute = dotted(name)
    return b"c" + module + b"\n" + attribute + b"\n" + arguments(values) + b"R"


def by_stack_global(name, values):
    module, attribute = dotted(name)
    return text(module.decode()) + text(attribute.decode()) + b"\x93" + arguments(values) + b"R"


def by_inst(name, values):
    module, attribute = dotted(name)
    return b"(" + b"".join(map(text, values)) + b"i" + module + b"\n" + attribute + b"\n"


def by_obj(name, values):
    module, attribute = dotted(name)
    return b"(c" + module + b"\n" + attribute + b"\n" + b"".join(map(text, values)) + b"o"


def by_newobj(name, values):
    module, attribute = dotted(name)
    return b"c" + module + b"\n" + attribute + b"\n" + arguments(values) + b"\x81"


def by_newobj_ex(name, values):
    module, attribute = dotted(name)
    return b"c" + module + b"\n" + attribute + b"\n" + arguments(values) + b"}\x92"


def by_memo(name, values):
    """The names come out of the memo, where they were put as harmless texts."""
    module, attribute = dotted(name)
    stored = text(module.decode()) + b"q\x00" + text(attribute.decode()) + b"q\x01"
    return b"(" + stored + b"th\x00h\x01\x93" + arguments(values) + b"R\x86"


def by_build(name, values):
    """A layer that may be there gets a state that has the payload in it."""
    layer = b"ctorch.nn.modules.container\nSequential\n)\x81"
    return layer + b"}" + text("_modules") + by_global(name, values) + b"sb"


ROUTES = (by_global, by_stack_global, by_inst, by_obj, by_newobj, by_newobj_ex, by_memo, by_build)


TENSORS = {
    "offset beyond": tensor(offset=1),
    "offset far beyond": tensor(offset=2**62),
    "offset negative": tensor(offset=-1),
    "shape beyond": tensor(shape=(5,)),
    "shape huge": tensor(shape=(2**40, 2**40), strides=(2**40, 1)),
    "shape negative": tensor(shape=(-4,)),
    "strides negative": tensor(strides=(-1,)),
    "strides beyond": tensor(strides=(2,)),
    "strides zero": tensor(shape=(2**30,), strides=(0,)),
    "overlapping": tensor(shape=(2, 2), strides=(1, 1)),
    "overlapping rows": tensor(shape=(2, 2), strides=(1, 2)).replace(number(2), number(3), 1),
    "too many dimensions": tensor(shape=(1,) * 9, strides=(1,) * 9),
    "strides missing": tensor(shape=(2, 2), strides=(1,)),
    "shape of texts": tensor().replace(b"(" + number(4) + b"t", b"(" + text("4") + b"t"),
    "hooks": tensor(hooks=b"}" + text("a") + text("b") + b"s"),
    "hooks that run": tensor(hooks=by_global("os.system", (COMMAND,))),
    "no storage": tensor().replace(loaded(storage()), b"N"),
    "parameter of a text": b"ctorch._utils\n_rebuild_parameter\n(" + text("x") + b"\x89}tR",
}
STORAGES = {
    "claims 4 GB": storage(numel=2**30),
    "claims 2**62": storage(numel=2**62),
    "claims fewer": storage(numel=1),
    "claims a negative number": storage(numel=-4),
    "counts otherwise": storage(count=struct.pack("<q", 2**40)),
    "truncated data": storage(data=b"\0" * 15),
    "no data": storage(data=b""),
    "no count": storage(count=b"", data=b""),
    "a view of another": storage(view=b"(" + text("1") + b"K\x00K\x04t"),
    "another key": storage(key=b"1"),
    "two keys": storage(keys=b"\x80\x02]" + text("0") + b"a" + text("0") + b"a."),
    "keys nested in themselves": storage(keys=b"\x80\x02]q\x00h\x00a."),
    "no keys": storage(keys=b"\x80\x02]."),
    "other magic": storage(magic=b"\x80\x02K\x01."),
    "other version": storage(version=b"\x80\x02K\x01."),
    "big-endian": storage(system=b"\x80\x02}" + text("little_endian") + b"\x89s."),
    "system runs": storage(system=whole(by_global("os.system", (COMMAND,)))),
    "magic runs": storage(magic=whole(by_stack_global("os.system", (COMMAND,)))),
    "keys run": storage(keys=whole(by_global("builtins.eval", ("open('canary', 'w')",)))),
    "main runs": storage(main=whole(by_global("os.system", (COMMAND,)))),
    "class runs": storage(kind=b"os\nsystem"),
    "class unknown": storage(kind=b"torch\nQInt8Storage"),
    "id is a text": storage(main=b"\x80\x02" + text("storage") + b"Q."),
    "id is nothing": storage(main=b"\x80\x02)Q."),
    "no id": storage(main=b"\x80\x02K\x01."),
    "text id": storage(main=b"\x80\x02P0\n."),
    "storage in a storage": storage(main=whole(loaded(storage()))),
    "zip": b"PK\x03\x04" + b"\0" * 100,
    "pickle": whole(by_global("os.system", (COMMAND,))),
    "empty": b"",
}
NAMES = {
    "other capital": b"cCollections\nOrderedDict\n)R",
    "space behind": b"ccollections \nOrderedDict\n)R",
    "space before": b"c collections\nOrderedDict\n)R",
    "return behind": b"ccollections\r\nOrderedDict\r\n)R",
    "homoglyph": b"c" + "c\u043ellections".encode() + b"\nOrderedDict\n)R",
    "dots in the name": text("torch_utils")
    + text("persistence._reconstruct_persistent_obj")
    + b"\x93)R",
    "attribute of it": text("collections") + text("OrderedDict.__init__") + b"\x93)R",
    "empty": text("") + text("") + b"\x93)R",
    "not a text": b"K\x01K\x02\x93)R",
    "module of a module": text("torch_utils.persistence") + text("sys") + b"\x93)R",
    "not UTF-8": b"c\xff\xfe\nsystem\n)R",
    "endless": b"c" + b"a" * 100_000,
    "escape sequences": b"c\x1b[2J\x1b]0;x\x07\nsystem\n)R",
    "very long": b"c" + b"a" * 200 + b"\n" + b"b" * 200 + b"\n)R",
    "storage called": b"ctorch\nFloatStorage\nK\x04\x85R",
    "function as a class": b"ctorch_utils.persistence\n_reconstruct_persistent_obj\n)\x81",
    "class as a function": b"cdnnlib.util\nEasyDict\n)R",
    "text called": text("os.system") + text(COMMAND) + b"\x85R",
    "build of a name": b"ccollections\nOrderedDict\n}" + text("__call__") + text("x") + b"sb",
    "build of a text": text("x") + b"}b",
    "build of a dictionary": b"}}" + text("__class__") + text("x") + b"sb",
}
TRICKS = {
    "POP": b"N0N",
    "POP_MARK": b"(1N",
    "DUP": b"N2\x86",
    "PUT": b"Np0\n",
    "GET": b"g0\n",
    "INT": b"I1\n",
    "LONG": b"L1L\n",
    "LONG4": b"\x8b\x01\x00\x00\x00\x01",
    "LONG4 negative": b"\x8b\xff\xff\xff\xff",
    "LONG1 of 255 bytes": b"\x8a\xff" + b"\x01" * 255,
    "FLOAT": b"F1\n",
    "STRING": b"S'x'\n",
    "UNICODE": b"Vx\n",
    "BINSTRING": b"T\x01\x00\x00\x00x",
    "BINSTRING negative": b"T\xff\xff\xff\xff",
    "SHORT_BINSTRING": b"U\x01x",
    "DICT": b"(d",
    "LIST": b"(l",
    "FROZENSET": b"(\x91",
    "BYTEARRAY8": b"\x96" + struct.pack("<Q", 2**60),
    "NEXT_BUFFER": b"\x97",
    "READONLY_BUFFER": b"\x98",
    "PERSID": b"Pos.system\n",
    "BINPERSID": text("os.system") + b"Q",
    "EXT1": b"\x82\x01" + text(COMMAND) + b"\x85R",
    "EXT2": b"\x83" + struct.pack("<H", REGISTERED) + text(COMMAND) + b"\x85R",
    "EXT4": b"\x84" + struct.pack("<I", REGISTERED) + text(COMMAND) + b"\x85R",
    "unknown instruction": b"\xfe",
    "text of 4 GB": b"X" + struct.pack("<I", 2**32 - 1),
    "text of 2**63": b"\x8d" + struct.pack("<Q", 2**63),
    "bytes of 4 GB": b"B" + struct.pack("<I", 2**32 - 1),
    "bytes of 2**64 - 1": b"\x8e" + struct.pack("<Q", 2**64 - 1),
    "text not UTF-8": b"X\x02\x00\x00\x00\xff\xff",
    "memo at 2**32 - 1": b"Nr\xff\xff\xff\xffj\xff\xff\xff\xff\x86",
    "memo written twice": b"Nq\x00q\x00",
    "memo that is not there": b"h\x07",
    "memo of nothing": b"q\x00",
    "memo past a mark": b"N(q\x00",
    "memoize nothing": b"\x94",
    "list in itself": b"]q\x00h\x00a",
    "dictionary in itself": b"}q\x00" + text("G_ema") + b"h\x00s",
    "tuple as a key": b"})Ns",
    "nested tuple as a key": b"}" + b"N" + b"\x85" * 50_000 + b"Ns",
    "list as a key": b"}]Ns",
    "set of tuples": b"\x8f()\x90",
    "odd items": b"}(Nu",
    "items of a list": b"](NNu",
    "append to a text": text("x") + b"Na",
    "append to nothing": b"Na",
    "appends without a mark": b"]e",
    "pop through a mark": b"N(\x85",
    "tuple of too few": b"N\x87",
    "mark left open": b"(N",
    "two values": b"NN",
    "no value": b"",
    "call of nothing": b"R",
    "a million marks": b"(" * 1_000_000,
    "100 deep marks": b"(" * 101 + b"t" * 101,
    "nested tuples": b")" + b"\x85" * 150_000,
    "nested lists": b"]" * 90_000 + b"a" * 89_999,
    "many values": b"N" * 150_000,
    "many instructions": b"]" + b"Na" * 500_000,
    "many memo entries": b"N" + b"".join(b"r" + struct.pack("<I", i) for i in range(150_000)),
    "billion laughs": b")q\x00"
    + b"".join(b"h%c" % i + b"h%c\x86q%c" % (i, i + 1) for i in range(99)),
    "a text": text("G_ema"),
    "a number": b"K\x01",
    "a tuple": b")",
}
PLACES = {"whole": whole, "in a network": in_state}


def corpus():
    for name, values in CALLABLES.items():
        for route in ROUTES:
            body = route(name, values)
            place = "in a network" if len(name) % 2 else "whole"
            yield f"{name} {route.__name__} {place}", PLACES[place](body)
        nested = whole(by_global(name, values))
        yield f"{name} as a tensor", in_state(loaded(nested))
    for kind, bodies in (("tensor", TENSORS), ("name", NAMES), ("trick", TRICKS)):
        for name, body in bodies.items():
            yield f"{kind}: {name}", whole(body)
            yield f"{kind}: {name}, in a network", in_state(body)
    for name, data in STORAGES.items():
        yield f"storage: {name}", in_state(loaded(data))
    for name, make in MULTIPLIERS.items():
        yield f"multiplier: {name}", make()
    yield "a pickle and another", whole(b"}") + whole(by_global("os.system", (COMMAND,)))
    yield "nothing", b""
    yield "a zip", b"PK\x03\x04" + b"\0" * 1000
    yield "a text", b"import os; os.system('touch canary')\n"
    yield "zeros", b"\0" * 100_000
    yield "never ends", b"\x80\x04" + b"N" * 1000
    yield "frame of 2**63", b"\x80\x04\x95" + struct.pack("<Q", 2**63) + b"N."


CORPUS = dict(corpus())
EVENTS = {
    *("pickle.find_class", "marshal.loads", "os.system", "os.exec", "os.posix_spawn"),
    *("subprocess.Popen", "ctypes.dlopen"),
}


def refusals(path, files):
    """Yield the name of each file, what it is refused with ("": it is not) and the CPU seconds that took."""
    for name, data in files:
        path.write_bytes(data)
        print(name, file=sys.stderr)  # the last one is what a limit ended
        started, message = time.process_time(), ""
        resource.setrlimit(resource.RLIMIT_CPU, (int(started) + SECONDS, resource.RLIM_INFINITY))
        try:
            import_generator(path, path.with_name("out.safetensors"))
        except ValueError as error:
            message = str(error)
        yield name, message, time.process_time() - started


def truncated():
    """Yield a checkpoint that ends in sixty and more places, and one that goes on."""
    data = checkpoints.checkpoint_bytes({"G_ema": checkpoints.generator()})
    for end in [*range(60), *range(60, len(data), len(data) // 60)]:
        yield f"truncated to {end} bytes", data[:end]
    yield "longer", data + b"x"


def damaged(num):
    """Yield checkpoints with a few other bytes."""
    data = checkpoints.checkpoint_bytes({"G_ema": checkpoints.generator()})
    draws = random.Random(0)
    for index in range(num):
        changed = bytearray(data)
        for _ in range(draws.choice((1, 3, 30))):
            changed[draws.randrange(len(data))] = draws.randrange(256)
        yield f"damaged {index}", bytes(changed)


def main(folder):
    os.chdir(folder)
    path = folder / "bad.pkl"
    copyreg.add_extension("os", "system", REGISTERED)
    path.write_bytes(checkpoints.checkpoint_bytes({"G_ema": checkpoints.generator()}))
    import_generator(
        path, folder / "good.safetensors"
    )  # whatever is loaded at first use is loaded now
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    events = []
    sys.addaudithook(lambda event, _: events.append(event) if event in EVENTS else None)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused = [*refusals(path, CORPUS.items()), *refusals(path, truncated())]
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    survived = 0
    for _, data in damaged(300):
        path.write_bytes(data)
        try:
            survived += isinstance(read_checkpoint(path), dict)
        except ValueError as error:
            refused.append(("damaged", f"{path}: {error}", 0.0))
    print(
        json.dumps(
            {
                "refused": refused,
                "events": events,
                "grown": (after - before) * 1024,
                "survived": survived,
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
