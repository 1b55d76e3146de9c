"""The session of the equaliser: low-pass images, export, code, ruler, cancellation."""

import io
import shlex
import time
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Pillow

from steepest import InputError, patches, spectral
from steepest.app.frames import low_pass
from steepest.app.repair import Repair
from steepest.app.session import Session
from steepest.cli.main import main
from steepest.io import Image, decode_image, encode_image, from_float, read_image, write_image


def picture(dtype="uint8", channels=3, alpha=False, size=40):
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:size, : size + 9]
    discs = 0.4 * (np.hypot(y - 15, x - 15) < 9) + 0.2 * (np.hypot(y - 30, x - 34) < 4)
    grey = 0.25 + discs + 0.05 * rng.standard_normal(discs.shape)
    pixels = grey[..., None] * np.linspace(0.7, 1, channels)
    pixels = from_float(np.clip(pixels, 0, 1), dtype)
    cover = None
    if alpha:
        cover = from_float(rng.random((*grey.shape, 1)), dtype)
    axes = "YXC" if channels == 3 else "YX"
    return Image(pixels if channels == 3 else pixels[..., 0], axes, alpha=cover, name="p.png")


def finished(image, **options):
    session = Session(image, **options)
    assert session.wait(120)
    state, _ = session.handle("state")
    assert state["status"] == "done", state
    return session, state


def layers(session, times):
    answer, buffers = session.handle("layers", {"times": times})
    state = session.handle("state")[0]["image"]
    shape = (state["height"], state["width"], state["channels"])
    return answer, [np.frombuffer(each, np.float16).reshape(shape) for each in buffers]


def test_low_pass_images_weighted_by_gains_are_the_recomposed_image():
    image = np.random.default_rng(0).random((17, 21, 3))
    found = spectral.decompose(image, channel_axis=-1, steps=12, t_max=0.4)
    edges = [0.01, 0.05, 0.2]
    gains = np.array([0.5, 2.0, -1.0, 1.5])
    rest = 0.7
    steps = np.diff([0.0, *gains, rest])
    bases = [low_pass(found.nodes, found.frames, t) for t in (0, *edges, np.inf)]
    mixed = sum(step * base for step, base in zip(steps, bases, strict=True))
    wanted = found.recompose(lambda t: gains[np.searchsorted(edges, t, side="right")], rest)
    np.testing.assert_allclose(mixed, wanted, atol=1e-12)


def test_layer_zero_shows_every_8_bit_pixel_exactly():
    image = picture()
    session, _ = finished(image)
    _, (first,) = layers(session, [0])
    shown = np.rint(np.clip(first.astype(np.float32) * 255, 0, 255))
    np.testing.assert_array_equal(shown, image.array)


def test_preview_comes_first_and_the_flow_replaces_it():
    image = picture(size=300)
    session = Session(image)
    seen = set()
    while not session.wait(0.01):
        state, _ = session.handle("state")
        if state["edges"]:
            answer, _ = session.handle("layers", {"times": [state["edges"][-1], None]})
            seen.update(answer["quality"])
    assert session.handle("state")[0]["status"] == "done"
    assert "preview" in seen
    assert session.handle("layers", {"times": [0.1, None]})[0]["quality"] == ["final"] * 2


def test_cancelled_flow_can_be_continued():
    session = Session(picture(size=200))
    session.handle("cancel")
    assert session.wait(120)
    assert session.handle("state")[0]["status"] == "cancelled"
    with pytest.raises(InputError, match="not finished"):
        session.handle("export", {"edges": [0.1], "gains": [1, 1]})
    session.handle("compute")
    assert session.wait(120)
    assert session.handle("state")[0]["status"] == "done"


def test_another_image_stops_the_flow_of_the_first():
    session = Session(picture(size=300))
    first = session.handle("state")[0]["number"]
    session.handle("open", {"name": "q.png"}, [encode_image(picture(channels=1), "q.png")])
    assert session.wait(120)
    state, _ = session.handle("state")
    assert state["number"] > first
    assert (state["image"]["name"], state["image"]["channels"]) == ("q.png", 1)
    assert state["status"] == "done"


def by_command(words, folder, monkeypatch):
    """Run a command line in a folder."""
    monkeypatch.chdir(folder)
    assert main([*shlex.split(words)[1:], "--quiet"]) == 0


def by_python(code, folder, monkeypatch):
    """Run code in a folder, and return its variables."""
    monkeypatch.chdir(folder)
    names = {}
    exec(code, names)
    return names


KINDS = [("uint8", 3, True), ("uint16", 3, True), ("uint16", 1, False), ("float32", 1, False)]


@pytest.mark.parametrize(("dtype", "channels", "alpha"), KINDS)
@pytest.mark.parametrize("rest", [1.0, 0.0])
def test_code_and_command_make_exactly_the_export(
    dtype, channels, alpha, rest, tmp_path, monkeypatch
):
    name = "it's a photo.png" if dtype != "float32" else "-a b.tif"
    image = picture(dtype, channels, alpha)
    write_image(tmp_path / name, image)
    held = decode_image((tmp_path / name).read_bytes(), name)
    session, state = finished(held)
    count = len(state["edges"]) + 1
    gains = [-1.0, 2.5, 0.0, 1.0, 1.3, 1.0][:count]
    settings = {"edges": state["edges"], "gains": gains, "residual_gain": rest}
    answer, (file,) = session.handle("export", settings)
    code, _ = session.handle("code", settings)
    if alpha:
        np.testing.assert_array_equal(decode_image(file).alpha, image.alpha)
    assert decode_image(file).array.dtype == image.array.dtype

    by_python(code["python"], tmp_path, monkeypatch)
    made = tmp_path / answer["name"]
    assert made.read_bytes() == file
    made.unlink()
    by_command(code["command"], tmp_path, monkeypatch)
    assert made.read_bytes() == file


@pytest.mark.parametrize("radius", [6, 12])
@pytest.mark.parametrize("contrast", [0.1, 0.3])
def test_the_ruler_measures_discs_within_15_percent(radius, contrast):
    y, x = np.mgrid[:96, :96]
    inside = np.clip(radius + 0.5 - np.hypot(y - 48, x - 48), 0, 1)
    session = Session(Image((0.4 + contrast * inside).astype(np.float32), "YX"))
    session.handle("compute", {"all": True})
    assert session.wait(120)
    found = session.handle("ruler", {"x": 48, "y": 48})[0]["found"]
    assert found["contrast"] == pytest.approx(contrast, rel=0.15)
    assert found["radius"] == pytest.approx(radius, rel=0.15)
    assert session.handle("ruler", {"x": 2, "y": 2})[0]["found"] is None


def job(session, op, args, buffers=()):
    session.handle(op, args, buffers)
    while True:
        answer, buffers = session.handle("job")
        if answer["status"] != "busy":
            return answer, buffers
        time.sleep(0.01)


@pytest.mark.parametrize(("dtype", "channels"), [("uint8", 3), ("uint16", 1), ("float32", 1)])
def test_code_and_command_make_exactly_the_labels(dtype, channels, tmp_path, monkeypatch):
    image = picture(dtype, channels)
    name = "c.tif" if dtype == "float32" else "c.png"
    write_image(tmp_path / name, image)
    session = Session(decode_image((tmp_path / name).read_bytes(), name))
    answer, (labels, certain) = job(session, "segment", {"classes": 3, "smoothness": 0.05})
    labels = np.frombuffer(labels, np.uint8).reshape(image.array.shape[:2])
    certain = np.frombuffer(certain, np.uint8).reshape(labels.shape)
    assert set(np.unique(labels)) == {0, 1, 2}
    assert answer["certain"] == certain.mean()
    made = by_python(answer["python"], tmp_path, monkeypatch)
    np.testing.assert_array_equal(made["labels"], labels)
    np.testing.assert_array_equal(made["certain"], certain.astype(bool))
    by_command(f"{answer['command']} -o labels.tif", tmp_path, monkeypatch)
    found = decode_image((tmp_path / "labels.tif").read_bytes()).array
    np.testing.assert_array_equal(found, labels)


def test_few_pixels_are_kept_exactly_and_the_code_makes_the_rest():
    image = replace(picture(), format="")
    session = Session(image)
    answer, (filled, mask) = job(session, "thin", {"density": 0.1})
    mask = np.frombuffer(mask, np.uint8).reshape(image.array.shape[:2]).astype(bool)
    filled = np.frombuffer(filled, np.float16).reshape(image.array.shape)
    assert mask.sum() == answer["kept"] == round(0.1 * mask.size)
    shown = np.rint(np.clip(filled.astype(np.float32) * 255, 0, 255))
    np.testing.assert_array_equal(shown[mask], image.array[mask])
    names = {"image": image.array}
    exec(answer["python"], names)
    np.testing.assert_array_equal(names["mask"], mask)
    np.testing.assert_allclose(names["result"], shown, atol=1)
    assert answer["psnr"] > 20


def test_fusion_is_what_its_code_makes_and_what_fuse_computes(tmp_path, monkeypatch):
    first, second = picture(), picture(channels=3, size=40)
    second = second.with_parts([np.ascontiguousarray(second.array[::-1])])
    for name, image in (("a.png", first), ("b.png", second)):
        write_image(tmp_path / name, image)
    files = {name: (tmp_path / name).read_bytes() for name in ("a.png", "b.png")}
    session = Session(decode_image(files["a.png"], "a.png"))
    job(session, "fuse", {"name": "b.png", "time": 0.1}, [files["b.png"]])
    answer, (file,) = session.handle("made", {"own": 0, "other": 1})
    by_python(answer["python"], tmp_path, monkeypatch)
    assert (tmp_path / "a_equalised.png").read_bytes() == file
    arrays = [first.array, second.array]
    (wanted, _), (_, texture) = (
        spectral.separate_texture(each, 0.1, channel_axis=-1) for each in arrays
    )
    made = decode_image(file).array / 255
    np.testing.assert_allclose(made, np.clip(wanted + texture, 0, 1), atol=0.51 / 255)
    assert np.abs(made - first.array / 255).max() > 0.02


@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_of_another_size_is_resized_to_be_fused(channels, tmp_path, monkeypatch):
    first, second = picture(channels=channels), picture("uint16", channels, size=60)
    for name, image in (("a.png", first), ("b.png", second)):
        write_image(tmp_path / name, image)
    session = Session(decode_image((tmp_path / "a.png").read_bytes(), "a.png"))
    file = (tmp_path / "b.png").read_bytes()
    answer, _ = job(session, "fuse", {"name": "b.png", "time": 0.1}, [file])
    assert answer["resized"] == (69, 60)
    answer, (file,) = session.handle("made", {"own": 0.5, "other": 2})
    by_python(answer["python"], tmp_path, monkeypatch)
    assert (tmp_path / "a_equalised.png").read_bytes() == file
    assert np.abs(decode_image(file).array - first.array.astype(float)).max() > 5


def test_fusion_refuses_other_channels(ready):
    grey = encode_image(picture(channels=1), "s.png")
    with pytest.raises(InputError, match=r"s\.png is grey, and this image is in colour"):
        ready.handle("fuse", {"name": "s.png", "time": 0.1}, [grey])
    with pytest.raises(InputError, match="no image has been made"):
        ready.handle("made", {"own": 0, "other": 1})


@pytest.mark.parametrize("taught_by", ["good.png", "good.stpm"])
def test_learning_is_what_its_code_and_command_make(tmp_path, monkeypatch, taught_by):
    good, rng = picture(channels=3), np.random.default_rng(0)
    noisy = np.clip(good.array + rng.normal(0, 20, good.array.shape), 0, 255).astype(np.uint8)
    write_image(tmp_path / "good.png", good)
    write_image(tmp_path / "a.png", good.with_parts([noisy]))
    patches.save(patches.fit(good.array, channel_axis=-1), tmp_path / "good.stpm")
    session = Session(decode_image((tmp_path / "a.png").read_bytes(), "a.png"))
    taught = (tmp_path / taught_by).read_bytes()
    answer, (shown,) = job(session, "learn", {"name": taught_by}, [taught])
    name, (file,) = session.handle("made")
    assert name["name"] == "a_denoised.png"
    assert answer["noise"] > 0.05
    made = decode_image(file).array
    values = np.frombuffer(shown, np.float16).reshape(made.shape).astype(np.float32)
    np.testing.assert_allclose(values * 255, made, atol=0.6)
    by_python(answer["python"], tmp_path, monkeypatch)
    assert (tmp_path / "a_denoised.png").read_bytes() == file
    (tmp_path / "a_denoised.png").unlink()
    if taught_by == "good.png":
        (tmp_path / "good.stpm").unlink()
    for each in answer["command"].split(" && "):
        assert main([*shlex.split(each)[1:], "-q"]) == 0
    np.testing.assert_array_equal(read_image(tmp_path / "a_denoised.png").array, made)


@pytest.mark.parametrize("settings", [("tv", 1), ("tgv", 0.5)])
def test_denoising_is_what_its_code_and_command_make(settings, tmp_path, monkeypatch):
    clean = picture(size=64)
    noise = np.random.default_rng(0).normal(0, 20, clean.array.shape)
    noisy = np.clip(clean.array + noise, 0, 255).astype(np.uint8)
    write_image(tmp_path / "a.png", clean.with_parts([noisy]))
    session = Session(decode_image((tmp_path / "a.png").read_bytes(), "a.png"))
    energy, amount = settings
    answer, _ = job(session, "denoise", {"energy": energy, "amount": amount})
    assert answer["noise"] == pytest.approx(20 / 255, rel=0.3)
    _, (file,) = session.handle("made")
    by_python(answer["python"], tmp_path, monkeypatch)
    assert (tmp_path / "a_denoised.png").read_bytes() == file
    (tmp_path / "a_denoised.png").unlink()
    by_command(answer["command"], tmp_path, monkeypatch)
    assert (tmp_path / "a_denoised.png").read_bytes() == file
    assert np.abs(decode_image(file).array.astype(int) - clean.array).mean() < 12


def test_objects_are_those_of_find_objects(tmp_path, monkeypatch):
    image = picture(size=64)
    write_image(tmp_path / "o.png", image)
    session = Session(decode_image((tmp_path / "o.png").read_bytes(), "o.png"))
    answer, (labels,) = job(session, "objects", {"min_score": 5, "polarity": "bright"})
    found = by_python(answer["python"], tmp_path, monkeypatch)["found"]
    labels = np.frombuffer(labels, np.int32).reshape(image.array.shape[:2])
    np.testing.assert_array_equal(labels, found.labels)
    assert len(answer["rows"]) == len(found) >= 2
    row = dict(zip(answer["columns"], answer["rows"][0], strict=True))
    assert row["area"] == found.table["area"][0] == (labels == 1).sum()
    assert [row["y"], row["x"]] == pytest.approx(found.table["centroid"][0].tolist())
    by_command(answer["command"], tmp_path, monkeypatch)
    assert len((tmp_path / "o_objects.csv").read_text().splitlines()) == 1 + len(found)
    assert (tmp_path / "found.png").exists()


@pytest.mark.parametrize(("dtype", "alpha"), [("uint8", True), ("uint16", False)])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp"])
def test_the_export_in_any_format_is_the_image_as_shown(dtype, alpha, suffix):
    image = picture(dtype, alpha=alpha)
    session, state = finished(image)
    settings = {"edges": state["edges"], "gains": [1] * (len(state["edges"]) + 1)}
    answer, (file,) = session.handle("export", {**settings, "format": suffix})
    assert answer["name"] == f"p_equalised{suffix}"
    made = Pillow.open(io.BytesIO(file))
    assert made.size == image.array.shape[1::-1]
    if suffix in (".png", ".tif"):
        np.testing.assert_array_equal(decode_image(file).array, image.array)
    else:
        assert ("A" in made.mode) == (alpha and suffix == ".webp")
        low, high = state["image"]["limits"]
        scale = np.iinfo(image.array.dtype).max
        shown = 255 * (image.array / scale - low) / (high - low)
        assert np.abs(np.asarray(made.convert("RGB")) - shown).mean() < 6


def test_repairs_take_the_edited_image_around_them(ready):
    state, _ = ready.handle("state")
    half = {"edges": state["edges"], "gains": [0.5] * (len(state["edges"]) + 1)}
    shape = picture().array.shape
    for recipe, factor in (({}, 1.0), ({**half, "residual_gain": 0.5}, 0.5)):
        answer, (data,) = ready.handle("repair", {"keep": 0, "strokes": [[2.0, 30, 8]], **recipe})
        left, top, width, height = answer["box"]
        assert answer["method"] == "edge_enhancing"
        part = np.frombuffer(data, np.float16).reshape(height, width, shape[2])
        whole = picture().array[top : top + height, left : left + width] / 255 * factor
        changed = np.abs(part - whole).max(axis=2) > 0.002
        assert 4 < changed.sum() < 20  # below the stroke only
        assert np.abs(part - whole).max() < 0.25 * factor
    ready.handle("repair", {"keep": 0, "strokes": []})


def test_samples_have_thumbnails_and_open(ready):
    names, files = ready.handle("samples")
    assert len(names["names"]) == len(files) == 3
    assert all(max(decode_image(each).array.shape) <= 160 for each in files)
    session = Session()
    session.handle("sample", {"name": names["names"][0]})
    assert session.handle("state")[0]["image"]["name"] == "sample:coffee"
    session.close()


def test_a_job_that_is_stopped_still_answers(ready):
    ready.handle("segment", {"classes": 4, "smoothness": 1.0})
    ready.handle("stop")
    answer, buffers = ready.handle("job")
    while answer["status"] == "busy":
        time.sleep(0.01)
        answer, buffers = ready.handle("job")
    assert len(buffers) == 2
    assert 0 <= answer["certain"] <= 1


SETTINGS = {"edges": [0.1], "gains": [1, 2]}
BAD = [
    ("nothing", {}, "op="),
    (None, {}, "op="),
    ("layers", {"times": []}, "times"),
    ("layers", {"times": ["a"]}, "times"),
    ("layers", {"times": [0.1] * 99}, "times"),
    ("layers", {"times": [float("nan")]}, "times"),
    ("ruler", {"x": 1e9, "y": 0}, "x="),
    ("ruler", {"x": -1, "y": 0}, "x="),
    ("ruler", {}, "x="),
    ("code", {**SETTINGS, "edges": [0.2, 0.1], "gains": [1, 1, 1]}, "increase"),
    ("code", {**SETTINGS, "edges": [0.0]}, "edges"),
    ("code", {**SETTINGS, "edges": "abc"}, "edges"),
    ("code", {**SETTINGS, "gains": [1]}, "gains"),
    ("code", {**SETTINGS, "gains": [1, 1e9]}, "gains"),
    ("code", {**SETTINGS, "residual_gain": None}, "residual_gain"),
    ("open", {"name": "a"}, "one file"),
    ("compute", {"all": 1}, "all="),
    ("segment", {"classes": 1, "smoothness": 0.1}, "classes"),
    ("segment", {"classes": 3, "smoothness": 0}, "smoothness"),
    ("segment", {"classes": 3}, "smoothness"),
    ("thin", {"density": 2}, "density"),
    ("thin", {}, "density"),
    ("objects", {"min_score": 0, "polarity": "both"}, "min_score"),
    ("objects", {"min_score": 5, "polarity": "all"}, "polarity"),
    ("denoise", {"energy": "none"}, "energy"),
    ("denoise", {"energy": "tv", "amount": 0}, "amount"),
    ("export", {**SETTINGS, "format": ".exe"}, "format"),
    ("sample", {"name": "../etc"}, "name"),
    ("repair", {"keep": 0, "strokes": [], "method": "magic"}, "method"),
]


@pytest.fixture(scope="module")
def ready():
    return finished(picture())[0]


@pytest.mark.parametrize(("op", "args", "message"), BAD)
def test_bad_requests_are_refused_by_name(ready, op, args, message):
    with pytest.raises(InputError, match=message):
        ready.handle(op, args)


def test_images_that_cannot_be_shown_are_refused(ready):
    with pytest.raises(InputError, match="not a supported image"):
        ready.handle("open", {"name": "a.png"}, [b"no picture"])
    with pytest.raises(InputError, match="no single picture"):
        Session(Image(np.zeros((3, 4, 5)), "ZYX"))
    with pytest.raises(InputError, match="max_pixels"):
        Session(picture(), max_pixels=100)
    file = encode_image(picture(), "p.png")
    with pytest.raises(InputError, match="max_pixels"):
        Session(max_pixels=100).handle("open", {"name": "p.png"}, [file])
    assert ready.handle("state")[0]["image"]["name"] == "p.png"


def test_a_session_without_an_image_says_so():
    session = Session()
    assert session.handle("state")[0]["image"] is None
    with pytest.raises(InputError, match="no image"):
        session.handle("layers", {"times": [0]})


@pytest.mark.parametrize("method", ["edge_enhancing", "diffusion"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_repair_is_local_and_as_if_all_strokes_had_come_at_once(dtype, method):
    rng = np.random.default_rng(0)
    image = Image(rng.integers(0, 256, (60, 70, 3)).astype(dtype), "YXC")
    strokes = [[3.0, 10, 10, 30, 14], [4.0, 32, 14, 33, 40], [2.5, 60, 50], [3.0, -2, 58, 12, 70]]
    repair = Repair(image)
    whole = (slice(None),) * 2
    for k, stroke in enumerate(strokes):
        before = repair.part(whole).copy()
        box = repair.change(k, [stroke], method)
        before[box] = repair.part(box)
        np.testing.assert_array_equal(before, repair.part(whole))  # nothing else has changed
    at_once = repair.source().image.array
    atol = 1 if dtype == np.uint8 or method == "edge_enhancing" else 0.01  # solved to 1e-3
    np.testing.assert_allclose(repair.part(whole), at_once, rtol=0, atol=atol)
    np.testing.assert_array_equal(at_once[~repair.mask], image.array[~repair.mask])
    repair.change(1, strokes[2:], method)  # the second is taken back
    again = Repair(image)
    again.change(0, strokes[:1] + strokes[2:], method)
    np.testing.assert_array_equal(repair.mask, again.mask)
    np.testing.assert_allclose(repair.part(whole), again.part(whole), rtol=0, atol=atol)
    repair.change(0, [], method)
    np.testing.assert_array_equal(repair.part(whole), image.array)
    with pytest.raises(InputError, match="whole image"):
        repair.change(0, [[500.0, 30, 30]])
    with pytest.raises(InputError, match="keep"):
        repair.change(2, [])
