"""Parts of pickles, assembled instruction by instruction."""

import struct


def text(value):
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def whole(body):
    return b"\x80\x04" + body + b"."


def in_state(body, version=b"K\x06"):
    """Return a checkpoint whose G_ema has something in its state, or a format of its own."""
    meta = text("type") + text("class") + text("version") + version
    meta += text("module_src") + text("source") + text("class_name") + text("Generator")
    meta += text("state") + b"}" + text("c_dim") + body + b"s"
    network = b"ctorch_utils.persistence\n_reconstruct_persistent_obj\n}(" + meta + b"u\x85R"
    return whole(b"}" + text("G_ema") + network + b"s")


def storage(numel=4, data=b"\0" * 16, key=b"0", kind=b"torch\nFloatStorage", **changes):
    """Return what torch writes of a storage, with something changed."""
    magic = b"\x80\x02\x8a\x0a" + (0x1950A86A20F9469CFC6C).to_bytes(10, "little") + b"."
    system = b"\x80\x02}" + text("little_endian") + b"\x88s."
    claim = text("storage") + b"c" + kind + b"\n" + text(key.decode()) + text("cpu")
    claim += b"\x8a\x08" + struct.pack("<q", numel) + changes.get("view", b"N")
    main = b"\x80\x02(" + claim + b"tQ."
    keys = b"\x80\x02]" + text("0") + b"a."
    parts = {"magic": magic, "version": b"\x80\x02M\xe9\x03.", "system": system, "main": main}
    parts |= {"keys": keys, "count": struct.pack("<q", numel), "data": data, **changes}
    order = ("magic", "version", "system", "main", "keys", "count", "data")
    return b"".join(parts[name] for name in order)


def loaded(data):
    """Return the instructions that read a storage from bytes."""
    return b"ctorch.storage\n_load_from_bytes\nB" + struct.pack("<I", len(data)) + data + b"\x85R"


def number(value):
    return b"\x8a\x09" + value.to_bytes(9, "little", signed=True)


def tensor(offset=0, shape=(4,), strides=(1,), stored=None, hooks=b"ccollections\nOrderedDict\n)R"):
    """Return the instructions that rebuild a tensor."""
    sizes = b"(" + b"".join(map(number, shape)) + b"t(" + b"".join(map(number, strides)) + b"t"
    values = loaded(storage() if stored is None else stored) + number(offset) + sizes + b"\x89"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + values + hooks + b"tR"
