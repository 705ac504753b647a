"""The archive: the same bytes for the same pixels, all or nothing, and a name for every bad member."""

import copy
import io
import json
import os
import struct
import zipfile
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from spatialgan.data.archive import (
    ImageArchive,
    encode_png,
    scan_archive,
    write_archive,
)
from spatialgan.data.members import BadMember, decode_image
from spatialgan.files import atomic_file, file_sha256

KNOWN = "08733ce40920ddb68398a73e9ea39b79d66cfe3a1e4e6d909e6d522336819adb"  # of the archive written below, on any machine


def pictures(count, side=16):
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def png(image, **options):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", **options)
    return buffer.getvalue()


def encoded(picture, kind, **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def make_zip(path, members, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return path


def test_round_trip_keeps_every_pixel(tmp_path):
    images = pictures(5, 160)  # rows of pixels beyond one stored deflate block
    facts = write_archive(tmp_path / "a.zip", images)
    archive = ImageArchive(tmp_path / "a.zip")
    assert (len(archive), archive.resolution, facts.count, facts.resolution) == (5, 160, 5, 160)
    expected = torch.from_numpy(images).permute(0, 3, 1, 2)
    assert torch.equal(archive.load_all(), expected)
    assert torch.equal(archive.load([3, 1]), expected[[3, 1]])
    assert archive[2].dtype == torch.uint8
    assert facts.sha256 == file_sha256(tmp_path / "a.zip")
    assert scan_archive(tmp_path / "a.zip") == []


def test_same_pixels_same_bytes_on_every_machine(tmp_path):
    images = (np.arange(2 * 8 * 8 * 3) % 251).astype(np.uint8).reshape(2, 8, 8, 3)
    first, second = (
        write_archive(tmp_path / "a.zip", images),
        write_archive(tmp_path / "b.zip", images),
    )
    assert first == second
    assert first.sha256 == KNOWN


def test_a_png_whose_pixels_were_changed_under_their_checksum_is_damaged():
    data = bytearray(png(pictures(1)[0] // 255 * 255))
    place = data.index(b"IDAT") + 8
    for bit in range(64):
        changed = bytearray(data)
        changed[place + bit // 8] ^= 1 << bit % 8
        with pytest.raises(BadMember, match="damaged"):
            decode_image("a.png", bytes(changed))


def test_layout_is_the_one_of_stylegan(tmp_path):
    write_archive(tmp_path / "a.zip", pictures(2))
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        names = [info.filename for info in archive.infolist()]
        assert names == ["00000/img00000000.png", "00000/img00000001.png", "dataset.json"]
        assert all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())
        assert json.loads(archive.read("dataset.json")) == {"labels": None}
        with Image.open(archive.open(names[0])) as picture:
            assert (picture.mode, picture.size, picture.format) == ("RGB", (16, 16), "PNG")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("labels", [None, [["00000/img00000000.png", 3]]])
def test_stylegan_archives_open(tmp_path, method, labels):
    images = pictures(2)
    members = [(f"00000/img0000000{i}.png", png(image)) for i, image in enumerate(images)]
    if labels:
        members.append(("dataset.json", json.dumps({"labels": labels})))
    path = make_zip(tmp_path / "a.zip", members, method)
    assert torch.equal(ImageArchive(path).load_all(), torch.from_numpy(images).permute(0, 3, 1, 2))
    assert scan_archive(path) == []


def test_workers_open_their_own_handle(tmp_path):
    images = pictures(40)
    write_archive(tmp_path / "a.zip", images)
    archive = ImageArchive(tmp_path / "a.zip")
    expected = archive.load_all()
    children = []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            good = all(torch.equal(archive[i % 40], expected[i % 40]) for i in range(200))
            os._exit(0 if good else 1)
        children.append(child)
    assert all(torch.equal(archive[i % 40], expected[i % 40]) for i in range(200))
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    assert torch.equal(copy.copy(archive)[7], expected[7])


def test_a_failure_leaves_nothing_behind(tmp_path):
    def failing():
        yield pictures(1)[0]
        raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        write_archive(tmp_path / "a.zip", failing())
    with pytest.raises(ValueError, match="no images"):
        write_archive(tmp_path / "a.zip", [])
    assert list(tmp_path.iterdir()) == []


def test_a_failure_keeps_the_older_archive(tmp_path):
    before = write_archive(tmp_path / "a.zip", pictures(2))
    with pytest.raises(RuntimeError), atomic_file(tmp_path / "a.zip") as file:
        file.write(b"half")
        raise RuntimeError
    assert file_sha256(tmp_path / "a.zip") == before.sha256
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_what_a_killed_writer_left_is_removed(tmp_path):
    child = os.fork()
    if child == 0:
        with atomic_file(tmp_path / "a.zip") as file:
            file.write(b"half")
            os.kill(os.getpid(), 9)
    os.waitpid(child, 0)
    assert [path.name for path in tmp_path.iterdir()] == [f".a.zip.{child}.partial"]
    write_archive(tmp_path / "a.zip", pictures(1))
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_a_full_disk_is_one_line(tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ValueError, match="No space left on device"):
        write_archive(tmp_path / "a.zip", pictures(1))
    assert list(tmp_path.iterdir()) == []


def test_opening_what_is_no_dataset_is_one_line(tmp_path):
    with pytest.raises(ValueError, match="no such file"):
        ImageArchive(tmp_path / "none.zip")
    (tmp_path / "text.zip").write_text("not a zip")
    with pytest.raises(ValueError, match="not a readable ZIP"):
        ImageArchive(tmp_path / "text.zip")
    with pytest.raises(ValueError, match="no images"):
        ImageArchive(make_zip(tmp_path / "empty.zip", [("readme.txt", b"")]))
    wide = make_zip(tmp_path / "wide.zip", [("a.png", png(np.zeros((8, 16, 3), np.uint8)))])
    with pytest.raises(ValueError, match="not square"):
        ImageArchive(wide)


def test_damage_names_the_member_when_loaded(tmp_path):
    write_archive(tmp_path / "a.zip", pictures(3))
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[data.index(b"IDAT", data.index(b"img00000001.png")) + 100] ^= 1
    (tmp_path / "a.zip").write_bytes(data)
    archive = ImageArchive(tmp_path / "a.zip")
    archive.load([0, 2])
    with pytest.raises(ValueError, match=r"img00000001\.png.*CRC"):
        archive[1]
    assert [problem.name for problem in scan_archive(tmp_path / "a.zip")] == [
        "00000/img00000001.png"
    ]


def test_another_size_names_the_member(tmp_path):
    members = [("0.png", png(pictures(1)[0])), ("1.png", png(pictures(1, 8)[0]))]
    path = make_zip(tmp_path / "a.zip", members)
    with pytest.raises(ValueError, match=r"1\.png: 8x8"):
        ImageArchive(path)[1]
    assert [problem.name for problem in scan_archive(path)] == ["1.png"]


def link(name):
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16
    return info


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        ("/etc/x.png", "absolute"),
        ("C:/x.png", "absolute"),
        ("../x.png", "leaves"),
        ("a/../../x.png", "leaves"),
        (link("x.png"), "symbolic link"),
    ],
)
def test_path_tricks_are_reported(tmp_path, member, reason):
    path = make_zip(tmp_path / "a.zip", [("00/a.png", png(pictures(1)[0])), (member, b"target")])
    (problem,) = scan_archive(path)
    assert reason in problem.reason


def test_duplicate_names_and_labels_without_image_are_reported(tmp_path):
    data = png(pictures(1)[0])
    with pytest.warns(UserWarning, match="Duplicate"):
        path = make_zip(tmp_path / "a.zip", [("a.png", data), ("a.png", data)])
    assert "second member" in scan_archive(path)[0].reason
    labels = json.dumps({"labels": [["b.png", 0]]})
    lost = make_zip(tmp_path / "b.zip", [("a.png", data), ("dataset.json", labels)])
    assert [problem.name for problem in scan_archive(lost)] == ["b.png"]
    broken = make_zip(tmp_path / "c.zip", [("a.png", data), ("dataset.json", "{")])
    assert [problem.name for problem in scan_archive(broken)] == ["dataset.json"]


def bomb():
    """Return a PNG of 50000x50000 pixels in a few bytes."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 50000, 50000, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def bad_images():
    rgb = pictures(1)[0]
    alpha = np.dstack([rgb, np.full((16, 16), 255, np.uint8)])
    alpha[3, 3, 3] = 128
    frames = [Image.fromarray(rgb), Image.fromarray(255 - rgb)]
    deep = Image.fromarray(np.full((16, 16), 40000, np.uint16))
    colors = struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + bytes(12) for _ in range(2)))
    parts = [(b"IHDR", colors), (b"IDAT", rows), (b"IEND", b"")]
    deep_rgb = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts
    )
    return {
        "empty": (b"", "0 bytes"),
        "no image": (b"hello world", "not an image"),
        "truncated": (png(rgb)[:200], "truncated"),
        "bomb": (bomb(), "bomb"),
        "transparent": (png(alpha), "transparent"),
        "16-bit gray": (encoded(deep, "PNG"), "8 bits"),
        "16-bit color": (deep_rgb, "8 bits"),
        "CMYK": (encoded(Image.fromarray(rgb).convert("CMYK"), "JPEG"), "mode CMYK"),
        "animated": (
            encoded(frames[0], "PNG", save_all=True, append_images=frames[1:]),
            "2 frames",
        ),
    }


@pytest.mark.parametrize("kind", bad_images())
def test_bad_images_are_reported(kind):
    data, reason = bad_images()[kind]
    with pytest.raises(BadMember, match=reason):
        decode_image("x.png", data)


@pytest.mark.filterwarnings("ignore")
def test_truncation_anywhere_never_escapes_as_another_error():
    for kind in ("PNG", "JPEG", "WEBP", "TIFF", "BMP"):
        whole = encoded(Image.fromarray(pictures(1)[0]), kind)
        for end in range(0, len(whole) - 40, 23):
            try:
                decode_image("x", whole[:end])
            except BadMember:
                continue


def test_lossless_modes_become_rgb():
    rgb = pictures(1)[0]
    gray = np.repeat(rgb[:, :, :1], 3, axis=2)
    opaque = np.dstack([rgb, np.full((16, 16), 255, np.uint8)])
    few = Image.fromarray(rgb).quantize(16)
    assert np.array_equal(decode_image("x", png(rgb[:, :, 0])), gray)
    assert np.array_equal(decode_image("x", png(opaque)), rgb)
    assert np.array_equal(decode_image("x", encoded(few, "PNG")), np.asarray(few.convert("RGB")))


def test_exif_rotation_is_applied():
    rgb = pictures(1)[0][:8]
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees clockwise
    turned = decode_image("x", encoded(Image.fromarray(rgb), "PNG", exif=exif.tobytes()))
    assert np.array_equal(turned, np.rot90(rgb, -1))


def test_own_png_is_what_others_read():
    image = pictures(1, 200)[0]
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(encode_png(image)))), image)
