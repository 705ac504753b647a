"""Images, folders, ZIPs and databases that nobody vouches for: each is read, or is one line that names it.

The inputs are small files that once made a traceback, a silent loss or the end of the process.
"""

import io
import os
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spatialgan.data.archive import ImageArchive, scan_archive
from spatialgan.data.members import BadMember, decode_image
from spatialgan.data.prepare import Manifest, prepare_dataset
from spatialgan.dragging.drag_scene import read_masks

INPUTS = Path(__file__).parent / "inputs"
UNKNOWN = "not an image (PNG, JPEG, WEBP, BMP, TIFF), or its header is damaged"
FOREIGN = "a format that isn't read: make it one of PNG, JPEG, WEBP, BMP, TIFF"


def prepare(folder: Path, source: str, path: Path, on_bad: str, resolution: int = 16) -> Manifest:
    """Prepare a data set in a folder, and check that the archive is whole or isn't there."""
    row = {"source": source, "path": str(path), "on_bad": on_bad, "licence": "mine"}
    archive, manifest = folder / "d.zip", folder / "d.json"
    try:
        made = prepare_dataset(row, resolution, 0, archive, manifest)
    except ValueError:
        assert not archive.exists() and not manifest.exists()
        raise
    assert len(ImageArchive(archive)) == made.count
    return made


def broken_png() -> bytes:
    """Return a PNG of which a chunk's checksum is wrong."""
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16)).save(buffer, "PNG")
    data = buffer.getvalue()
    place = data.index(b"IDAT") + 6
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("avif", UNKNOWN),
        ("dds", UNKNOWN),
        ("eps", UNKNOWN),
        ("tiff", "damaged or truncated"),
        ("bomb", "taken for a decompression bomb"),
    ],
)
def test_another_format_or_a_bomb_is_a_bad_image_whatever_its_name(tmp_path, name, said):
    path = INPUTS / "images" / f"{name}.png"
    with pytest.raises(BadMember, match=f"{name}.png: ") as found:
        decode_image(path.name, path.read_bytes())
    assert said in str(found.value)
    with pytest.raises(ValueError, match=f"{path}: is not a picture that can be read"):
        read_masks([path], 16)
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / path.name).write_bytes(path.read_bytes())
    with pytest.raises(ValueError, match=f"1 images cannot be used .*\n  {path.name}: "):
        prepare(tmp_path, "folder", tmp_path / "images", "error")


def test_a_broken_mask_is_one_line(tmp_path):
    (tmp_path / "mask.png").write_bytes(broken_png())
    with pytest.raises(ValueError, match="mask.png: is not a picture that can be read") as found:
        read_masks([tmp_path / "mask.png"], 16)
    assert "\n" not in str(found.value)


def test_a_long_narrow_image_and_a_flat_one_are_refused_in_no_time():
    for width, height in ((64_000_000, 1), (7900, 8000)):
        rows = zlib.compress(bytes(1000))
        header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x00\x00\x00\x00"
        chunks = ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
        data = b"\x89PNG\r\n\x1a\n" + b"".join(
            len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")
            for kind, body in chunks
        )
        with pytest.raises(BadMember, match="taken for a decompression bomb"):
            decode_image("a.png", data)


def test_damaged_exif_data_are_no_end(tmp_path):
    made = prepare(tmp_path, "folder", INPUTS / "exif", "skip", 8)
    assert made.count == 6
    assert [bad["name"] for bad in made.skipped] == ["fuzz_TIFF-exif_TypeError.tiff"]
    assert decode_image("a.jpg", (INPUTS / "exif/float_nan.jpg").read_bytes()).any()


def test_usual_suffixes_are_read_and_foreign_ones_named(tmp_path):
    (tmp_path / "skip").mkdir()
    made = prepare(tmp_path / "skip", "folder", INPUTS / "suffixes", "skip")
    skipped = [{"name": name, "reason": FOREIGN} for name in ("c.gif", "e.avif")]
    assert (made.count, made.skipped) == (3, skipped)
    with pytest.raises(ValueError, match="2 images cannot be used .*\n  c.gif: .*\n  e.avif: "):
        prepare(tmp_path, "folder", INPUTS / "suffixes", "error")


def test_what_macos_stores_beside_images_is_none(tmp_path):
    folder = tmp_path / "dogs"
    folder.mkdir()
    for i in range(4):
        (folder / f"img{i}.png").write_bytes((INPUTS / "suffixes/a.png").read_bytes())
        (folder / f"._img{i}.png").write_bytes(b"\0\5\x16\7" + bytes(20))
    (folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    made = prepare(tmp_path, "folder", folder, "error")
    assert (made.count, made.skipped) == (4, [])


def test_a_folder_of_oddities_gives_what_can_be_used_and_names_the_rest(tmp_path):
    with tarfile.open(INPUTS / "oddities.tar") as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # from Python 3.11.4 on
        archive.extractall(tmp_path)
    folder = tmp_path / "x"
    (folder / "broken.png").symlink_to("nowhere.png")
    (folder / "outside.png").symlink_to(INPUTS / "suffixes/a.png")
    os.mkfifo(folder / "pipe.png")
    made = prepare(tmp_path, "folder", folder, "skip")
    assert made.count == 13
    assert {bad["name"] for bad in made.skipped} == {
        *("alpha.png", "anim.gif", "anim.webp", "broken.png", "cmyk.jpg", "f32.tif", "i16.png"),
        *("multi.tif", "outside.png", "photo.avif", "pipe.png", "small.png", "still.gif"),
        *("text.png", "trunc.jpg", "ycck.tif", "zero.png"),
    }


def test_a_subfolder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    (tmp_path / "dogs/secret").mkdir(parents=True)
    (tmp_path / "dogs/a.png").write_bytes((INPUTS / "suffixes/a.png").read_bytes())
    (tmp_path / "dogs/linked").symlink_to(INPUTS / "suffixes")
    scan = os.scandir

    def refuse(path):
        if str(path).endswith("secret"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    made = prepare(tmp_path, "folder", tmp_path / "dogs", "skip")
    assert made.count == 1
    reasons = {bad["name"]: bad["reason"] for bad in made.skipped}
    assert reasons["secret"] == "cannot be read (Permission denied)"
    assert "a linked folder" in reasons["linked"]


def test_a_color_profile_is_applied():
    path = INPUTS / "images/swapped_profile.png"  # its profile exchanges red and blue
    with Image.open(path) as picture:
        red, green, blue = np.asarray(picture)[0, 0].tolist()
    assert decode_image("a.png", path.read_bytes())[0, 0].tolist() == [blue, green, red]


@pytest.mark.parametrize("on_bad", ["error", "skip"])
@pytest.mark.parametrize(
    ("name", "said"),
    [
        *((f"lmdb/{name}.mdb", "incomplete: ") for name in ("abort", "bus", "page")),
        *((f"lsun/{name}", "incomplete: ") for name in ("half_lmdb", "meta_only_lmdb")),
        ("lsun/empty", "no images there"),
        ("lsun/zip.mdb", "not a readable LMDB"),
        ("lsun/subdb", "images: not an image"),
    ],
)
def test_a_database_that_cannot_be_used_is_named(tmp_path, name, said, on_bad):
    pytest.importorskip("lmdb")
    with pytest.raises(ValueError, match=said) as found:
        prepare(tmp_path, "lsun", INPUTS / name, on_bad)
    assert str(INPUTS / name) in str(found.value) or "subdb" in name


@pytest.mark.parametrize("file", ["", "data.mdb"])
def test_a_database_of_python_2_is_read(tmp_path, file):
    pytest.importorskip("lmdb")
    assert prepare(tmp_path, "lsun", INPUTS / "lsun/webp_py2" / file, "error").count == 5


@pytest.mark.parametrize(
    ("name", "count"),
    [
        *((name, 4) for name in ("backslash", "bzip2", "cp437", "deflated", "lzma", "zip64")),
        *(("nested_root", 4), ("case", 3), ("mixed_sizes", 3), ("inner_dir_png", 2)),
    ],
)
def test_a_zip_in_any_manner_is_read(tmp_path, name, count):
    made = prepare(tmp_path, "zip", INPUTS / f"zips/{name}.zip", "error")
    assert (made.count, made.skipped) == (count, [])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("deflate64", "cannot be unpacked"),
        ("slip", "../../evil.png: a path that leaves the archive"),
        ("truncated", "truncated.zip: not a readable ZIP"),
        ("zero", "zero.zip: not a readable ZIP"),
        ("empty", "empty.zip: no images there"),
        ("no_images", "no_images.zip: no images there"),
    ],
)
def test_a_zip_that_cannot_be_used_says_why(tmp_path, name, said):
    with pytest.raises(ValueError) as found:
        prepare(tmp_path, "zip", INPUTS / f"zips/{name}.zip", "error")
    assert said in str(found.value)


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("damaged_lzma", ["0/img0.png", "0/img1.png", "0/img3.png"]),
        ("damaged_lzma_2", ["0/img2.png"]),
    ],
)
def test_damaged_members_are_bad_members_for_every_reader(tmp_path, name, bad):
    path = INPUTS / f"zips/{name}.zip"
    assert [problem.name for problem in scan_archive(path)] == bad
    made = prepare(tmp_path, "zip", path, "skip", 8)
    assert [skipped["name"] for skipped in made.skipped] == bad and made.count == 6 - len(bad)
    with pytest.raises(ValueError, match=f"{name}.zip: {bad[0]}: damaged in the ZIP"):
        ImageArchive(path).load_all()


def test_a_member_that_asks_for_gigabytes_to_be_unpacked_is_a_bad_member(tmp_path):
    data = bytearray((INPUTS / "zips/lzma.zip").read_bytes())
    with zipfile.ZipFile(INPUTS / "zips/lzma.zip") as archive:
        first = archive.infolist()[0]
    place = first.header_offset + 30 + len(first.filename)
    assert (
        data[place + 2 : place + 4] == b"\5\0"
    )  # the length of what follows: properties, the dictionary's size
    data[place + 5 : place + 9] = (3 << 30).to_bytes(4, "little")
    (tmp_path / "x.zip").write_bytes(data)
    with pytest.raises(ValueError, match=r"\(packed with too large a dictionary\)"):
        prepare(tmp_path, "zip", tmp_path / "x.zip", "error")


def test_a_damaged_tiff_is_named_in_our_words_alone(capfd):
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "TIFF", compression="tiff_lzw")
    data = bytearray(stream.getvalue())
    data[1000:1200] = bytes(200)
    with pytest.raises(BadMember, match="a.tif: damaged or truncated"):
        decode_image("a.tif", bytes(data))
    os.write(2, b"still there")
    assert capfd.readouterr().err == "still there"
