"""Sources and preparing: order, crop and filter, bad members, manifests, and when nothing is to do."""

import builtins
import errno
import io
import json
import os
import zipfile

import numpy as np
import pytest
from PIL import Image

from spatialgan import documents, drawn
from spatialgan.data.archive import ImageArchive, write_archive
from spatialgan.data.entries import FILTERS, crop_and_resize
from spatialgan.data.members import BadMember
from spatialgan.data.prepare import load_manifest, prepare_dataset, source_of
from spatialgan.data.sources import SOURCES, Folder
from spatialgan.files import file_sha256


def picture(seed, height=24, width=16):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def encode(image, kind="PNG"):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind, **({"lossless": True} if kind == "WEBP" else {}))
    return buffer.getvalue()


def fill_folder(root, count=4):
    (root / "sub").mkdir(parents=True)
    for i in range(count):
        (root / ("sub" if i % 2 else ".") / f"{i}.png").write_bytes(encode(picture(i)))
    (root / "notes.txt").write_text("no image")
    return {"source": "folder", "path": str(root), "filter": "box", "licence": "CC0"}


def fill_lsun(path, values):
    lmdb = pytest.importorskip("lmdb")
    with lmdb.open(str(path), map_size=1 << 22) as database, database.begin(write=True) as writer:
        for key, value in values.items():
            writer.put(key.encode(), value)
    return {"source": "lsun", "path": str(path), "filter": "lanczos", "licence": "LSUN"}


def prepare(row, folder, num_images=0, resolution=16):
    return prepare_dataset(row, resolution, num_images, folder / "d.zip", folder / "d.json")


def loaded(folder):
    return ImageArchive(folder / "d.zip").load_all().permute(0, 2, 3, 1).numpy()


def test_procedural_archive_is_the_drawings(tmp_path):
    row = {"source": "procedural", "scene": "cat", "seed": 3, "stand_in_for": "LSUN Cat"}
    manifest = prepare(row, tmp_path, 5)
    assert np.array_equal(loaded(tmp_path)[4], drawn.compose("cat", 3, 4).image(16))
    assert (manifest.count, manifest.filter, manifest.stand_in_for) == (5, "none", "LSUN Cat")
    assert load_manifest(tmp_path / "d.json") == manifest
    (tmp_path / "again").mkdir()
    assert prepare(row, tmp_path / "again", 5).sha256 == manifest.sha256


def test_folder_is_read_in_order_and_center_cropped(tmp_path):
    manifest = prepare(fill_folder(tmp_path / "in"), tmp_path)
    expected = [picture(i)[4:20] for i in (0, 2, 1, 3)]  # 0.png, 2.png, sub/1.png, sub/3.png
    assert np.array_equal(loaded(tmp_path), expected)
    assert (manifest.count, manifest.filter, manifest.licence) == (4, "box", "CC0")
    assert manifest.sha256 == file_sha256(tmp_path / "d.zip")
    assert manifest.bytes == (tmp_path / "d.zip").stat().st_size


def test_zip_is_cropped_and_resized(tmp_path):
    images = np.stack([picture(i, 32, 32) for i in range(3)])
    write_archive(tmp_path / "in.zip", images)
    prepare({"source": "zip", "path": str(tmp_path / "in.zip"), "filter": "box"}, tmp_path, 2)
    halved = images[:2].reshape(2, 16, 2, 16, 2, 3).mean(axis=(2, 4))
    assert np.abs(loaded(tmp_path) - halved).max() <= 1


def test_lsun_gives_its_first_entries_in_key_order(tmp_path):
    values = {key: encode(picture(i), "WEBP") for i, key in enumerate("cab")}
    manifest = prepare(fill_lsun(tmp_path / "lmdb", values), tmp_path, 2)
    assert manifest.count == 2
    assert np.array_equal(loaded(tmp_path), [picture(1)[4:20], picture(2)[4:20]])


def test_a_change_in_place_of_an_lsun_database_is_noticed(tmp_path):
    row = fill_lsun(tmp_path / "lmdb", {key: encode(picture(0), "WEBP") for key in "ab"})
    prepare(row, tmp_path)
    before = loaded(tmp_path)
    fill_lsun(tmp_path / "lmdb", {"a": encode(picture(1), "WEBP")})  # as many, as long
    prepare(row, tmp_path)
    assert not np.array_equal(loaded(tmp_path), before)


def test_lsun_without_lmdb_names_the_extra(tmp_path, monkeypatch):
    real = builtins.__import__

    def refuse(name, *rest):
        if name == "lmdb":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ValueError, match=r"spatialgan\[lsun\]") as caught:
        prepare({"source": "lsun", "path": str(tmp_path)}, tmp_path)
    assert "\n" not in str(caught.value)


def test_max_images_is_all_there_is(tmp_path):
    row = fill_folder(tmp_path / "in") | {"max_images": 3}
    assert prepare(row, tmp_path).count == 3
    with pytest.raises(ValueError, match="max_images is 3"):
        prepare(row, tmp_path, 4)


@pytest.mark.parametrize("name", FILTERS)
def test_filters_keep_the_mean_and_differ(name):
    image = picture(0, 64, 64)
    small = crop_and_resize("x", image, 16, name).astype(float)
    assert abs(small.mean() - image.mean()) < 1.5
    others = [crop_and_resize("x", image, 16, other) for other in FILTERS if other != name]
    assert all(np.abs(small - other).mean() > 0.5 for other in others)


def test_small_images_are_not_enlarged():
    with pytest.raises(BadMember, match="8x40 is smaller than 16"):
        crop_and_resize("x", picture(0, 40, 8), 16, "box")


def spoil(root):
    (root / "a_empty.png").write_bytes(b"")
    (root / "b_cut.png").write_bytes(encode(picture(9))[:100])
    (root / "c_small.png").write_bytes(encode(picture(9, 8, 8)))
    (root.parent / "outside.png").write_bytes(encode(picture(8)))
    (root / "d_link.png").symlink_to(root.parent / "outside.png")
    (root / "e_dangling.png").symlink_to(root / "nowhere.png")


def test_bad_members_are_listed_and_nothing_is_left(tmp_path):
    row = fill_folder(tmp_path / "in")
    spoil(tmp_path / "in")
    out = tmp_path / "out"
    with pytest.raises(ValueError, match="5 images cannot be used") as caught:
        prepare(row, out)
    for name in ("a_empty", "b_cut", "c_small", "d_link", "e_dangling"):
        assert f"{name}.png: " in str(caught.value)
    assert "a link that leaves the folder" in str(caught.value)
    assert list(out.iterdir()) == []


def test_bad_members_are_skipped_and_counted_when_asked(tmp_path):
    row = fill_folder(tmp_path / "in") | {"on_bad": "skip"}
    spoil(tmp_path / "in")
    manifest = prepare(row, tmp_path)
    assert manifest.count == len(loaded(tmp_path)) == 4
    assert [one["name"][0] for one in manifest.skipped] == list("abcde")
    assert all(one["reason"] for one in manifest.skipped)


def test_nothing_good_is_an_error_even_when_skipping(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(b"")
    with pytest.raises(ValueError, match="0 bytes"):
        prepare({"source": "folder", "path": str(tmp_path / "in"), "on_bad": "skip"}, tmp_path)
    assert not (tmp_path / "d.zip").exists()


def test_an_error_of_the_system_is_no_bad_image(tmp_path, monkeypatch):
    row = {**fill_folder(tmp_path / "images"), "on_bad": "skip"}

    def fail(path):
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    with monkeypatch.context() as patch:
        patch.setattr(documents, "open_regular", fail)
        with pytest.raises(OSError, match="0.png: cannot be read .Input/output error"):
            prepare(row, tmp_path)
    assert not (tmp_path / "d.zip").exists() and not (tmp_path / "d.json").exists()
    assert prepare(row, tmp_path).count == 4


def test_an_error_of_the_system_is_no_damaged_zip(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("0.png", encode(picture(0)))
    row = {"source": "zip", "path": str(tmp_path / "a.zip"), "on_bad": "skip"}

    def fail(self, info):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(zipfile.ZipFile, "open", fail)
    with pytest.raises(OSError, match="a.zip: cannot be read .Input/output error"):
        prepare(row, tmp_path)


def test_an_image_that_may_not_be_read_is_a_bad_one(tmp_path, monkeypatch):
    row = {**fill_folder(tmp_path / "images"), "on_bad": "skip"}
    read = documents.open_regular

    def refuse(path):
        if path.name == "2.png":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return read(path)

    monkeypatch.setattr(documents, "open_regular", refuse)
    skipped = prepare(row, tmp_path).skipped
    assert skipped == [{"name": "2.png", "reason": "cannot be read (Permission denied)"}]


def test_zip_tricks_are_listed(tmp_path):
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        for name in ("a.png", "../b.png", "/c.png"):
            archive.writestr(name, encode(picture(0)))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.png", encode(picture(1)))
    with pytest.raises(ValueError, match="3 images cannot be used") as caught:
        prepare({"source": "zip", "path": str(tmp_path / "in.zip")}, tmp_path)
    for reason in ("leaves the archive", "absolute path", "second member"):
        assert reason in str(caught.value)


def test_bad_lsun_entry_is_named(tmp_path):
    row = fill_lsun(tmp_path / "lmdb", {"good": encode(picture(0)), "worse": b"junk"})
    with pytest.raises(ValueError, match="worse: not an image"):
        prepare(row, tmp_path)


def test_duplicate_pixels_are_counted_and_kept(tmp_path):
    row = fill_folder(tmp_path / "in")
    (tmp_path / "in" / "copy.png").write_bytes((tmp_path / "in" / "0.png").read_bytes())
    manifest = prepare(row, tmp_path)
    assert (manifest.count, manifest.duplicates) == (5, 1)


def test_nothing_to_do_is_said_and_changes_are_noticed(tmp_path, caplog):
    caplog.set_level("INFO")
    row = fill_folder(tmp_path / "in")
    first = prepare(row, tmp_path)
    before = os.stat(tmp_path / "d.zip").st_mtime_ns
    assert prepare(row, tmp_path) == first
    assert "up to date" in caplog.text
    assert os.stat(tmp_path / "d.zip").st_mtime_ns == before
    assert prepare(row, tmp_path, 2).count == 2  # another count
    assert prepare(row | {"licence": "other"}, tmp_path).licence == "other"  # another row
    (tmp_path / "in" / "new.png").write_bytes(encode(picture(7)))
    assert prepare(row, tmp_path).count == 5  # another source


def test_a_damaged_archive_or_manifest_is_made_again(tmp_path):
    row = {"source": "procedural", "scene": "cat"}
    made = prepare(row, tmp_path, 3)
    data = bytearray((tmp_path / "d.zip").read_bytes())
    data[200] ^= 1
    (tmp_path / "d.zip").write_bytes(data)
    assert prepare(row, tmp_path, 3) == made
    assert file_sha256(tmp_path / "d.zip") == made.sha256
    (tmp_path / "d.json").write_text("{")
    assert prepare(row, tmp_path, 3) == made
    recorded = json.loads((tmp_path / "d.json").read_text())
    (tmp_path / "d.json").write_text(json.dumps(recorded | {"fingerprint": "older drawing code"}))
    assert prepare(row, tmp_path, 3) == made


def test_a_file_larger_than_any_image_is_not_read(tmp_path):
    with (tmp_path / "huge.png").open("wb") as file:
        file.truncate(1 << 40)  # of which the disk holds nothing
    source = Folder(str(tmp_path))
    assert source.fingerprint(16) == source.fingerprint(16)
    (entry,) = source.entries(16)
    with pytest.raises(BadMember, match="has more than"):
        entry.read()


def test_originals_may_be_deleted_afterwards(tmp_path, caplog):
    caplog.set_level("INFO")
    row = fill_folder(tmp_path / "in")
    made = prepare(row, tmp_path)
    (tmp_path / "in").rename(tmp_path / "elsewhere")
    assert prepare(row, tmp_path) == made
    assert "up to date" in caplog.text


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"source": "web"}, "procedural, folder, zip, lsun"),
        ({"source": "procedural"}, "needs the key scene"),
        ({"source": "procedural", "scene": "dog"}, "cat, face, church, bedroom"),
        ({"source": "folder", "path": "x", "filter": "best"}, "lanczos, box, bicubic"),
        ({"source": "folder", "path": "x", "fliter": "box"}, "no fliter"),
        ({"source": "folder", "path": "x", "on_bad": "ignore"}, "error or skip"),
    ],
)
def test_wrong_rows_name_the_options(row, words):
    with pytest.raises(ValueError, match=words):
        source_of(row)


def test_asking_for_what_is_not_there(tmp_path):
    with pytest.raises(ValueError, match="endless"):
        prepare({"source": "procedural", "scene": "cat"}, tmp_path)
    with pytest.raises(ValueError, match="only 4"):
        prepare(fill_folder(tmp_path / "in"), tmp_path, 5)
    with pytest.raises(ValueError, match="no such folder"):
        prepare({"source": "folder", "path": str(tmp_path / "none")}, tmp_path)
    with pytest.raises(ValueError, match="power of two"):
        prepare({"source": "procedural", "scene": "cat"}, tmp_path, 1, 24)
    with pytest.raises(ValueError, match="no such LSUN|spatialgan"):
        prepare({"source": "lsun", "path": str(tmp_path / "none")}, tmp_path)


def test_every_source_has_the_three_methods():
    for source in SOURCES.values():
        assert all(callable(getattr(source, name)) for name in ("size", "entries", "fingerprint"))
