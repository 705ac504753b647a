"""Small files that use one thing many times, nest it deep or make it long, so that a careless reader never ends."""

from collections import OrderedDict

from tests.imports import checkpoints
from tests.imports.assembly import in_state, text, whole

LAYER = b"ctorch.nn.modules.container\nSequential\n)\x81"


def doubled(times):
    """Return a tuple of twice a tuple of twice a tuple ...: 2**times texts when it is printed."""
    steps = b"".join(b"q%ch%c\x86" % (i, i) for i in range(times - 1))
    return b"N" + steps + b"\x85"


def nested(times):
    return b")" + b"\x85" * times


def many_sets():
    """Return 20,000 sets of one list of 60,000 texts."""
    members = b"](" + b"".join(text(f"m{i}") for i in range(60_000)) + b"eq\x07"
    return whole(b"(" + members + b"cbuiltins\nset\nh\x07\x85R" * 20_000 + b"t")


def colliding():
    """Return a dictionary whose 40,000 keys have the same hash."""
    keys = (((2**61 - 1) * k).to_bytes(16, "little") for k in range(1, 40_001))
    return whole(b"}(" + b"".join(b"\x8a\x10" + key + b"N" for key in keys) + b"u")


def many_texts():
    """Return texts that take four times their bytes in memory."""
    return whole(b"(" + text("\N{GRINNING FACE}" * 500) * 6_000 + b"t")


def nested_layers():
    layer = LAYER + b"}" + text("_modules")
    return whole(layer * 20_000 + b"N" + b"sb" * 20_000)


def changed(change):
    """Return a whole checkpoint with something changed in its generator."""

    def make():
        generator = checkpoints.generator(256)
        change(generator)
        return checkpoints.checkpoint_bytes({"G_ema": generator})

    return make


def pair(times):
    value = (None,)
    for _ in range(times):
        value = (value, value)
    return value


def clamp(generator):
    """Have the first layer agree with nobody, about a clamp that doubles."""
    generator["synthesis"]["b4"]["conv1"].state["conv_clamp"] = pair(24)


def one_section(generator):
    """Have 90 parts share one dictionary of 20,000 tensors."""
    shared = OrderedDict((f"t{i}", None) for i in range(20_000))
    parts = {f"p{i}": checkpoints.Part("Empty", {}, {}) for i in range(90)}
    for part in parts.values():
        part.state["_buffers"] = shared
    generator.state["_modules"] |= parts


def chained(generator, name):
    """Have a part in a part ..., each under one name."""
    inner = checkpoints.Part("Empty", {}, {})
    for _ in range(20):
        inner = checkpoints.Part("Empty", {}, {name: inner})
    generator.state["_modules"]["chain"] = inner


def one_weight(generator):
    """Have 63 layers of 4 MB in one of 4 MB."""
    width = 1024
    first = checkpoints.linear(checkpoints.Z, width, "lrelu", 0.01)
    second = checkpoints.linear(width, width, "lrelu", 0.01)
    again = [checkpoints.Part("FullyConnectedLayer", {}, {}) for _ in range(63)]
    for layer in again:
        layer.state = {**second.state, "_modules": {}}
    generator.state["w_dim"] = width
    mapping = generator["mapping"]
    mapping.state["num_layers"] = 64
    mapping.state["_modules"] = {f"fc{i}": layer for i, layer in enumerate([first, *again])}


MULTIPLIERS = {
    "a format that doubles": lambda: in_state(b"N", doubled(60)),
    "a format that nests": lambda: in_state(b"N", nested(50_000)),
    "a format of many digits": lambda: in_state(b"N", b"\x8a\x10" + b"\x7f" * 16),
    "a long format": lambda: in_state(b"N", text("x" * 2000)),
    "sets of one list": many_sets,
    "keys that collide": colliding,
    "texts": many_texts,
    "a clamp that doubles": changed(clamp),
    "a section of many parts": changed(one_section),
    "parts in parts": changed(lambda g: chained(g, "a_long_name")),
    "parts in parts, long names": changed(lambda g: chained(g, "n" * 2000)),
    "one weight in many layers": changed(one_weight),
    "layers in layers": nested_layers,
}
