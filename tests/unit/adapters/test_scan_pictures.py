"""Pages come out of bytes upright, on white, within limits; what is broken or too much is refused by a code."""

import numpy as np
import pytest
from PIL import Image

from adapters.scan.nouns import Picture
from adapters.scan.pictures import ENOUGH_PIXELS, MAX_BYTES, MAX_PAGES, count_pages, page
from ecg.errors import UnreadablePage
from tests.golden.page_files import encoded, pdf, picture, png_of

RED = (220, 30, 30)


def is_red(pixels: np.ndarray, x: float, y: float) -> bool:
    height, width, _ = pixels.shape
    at = pixels[int(y * height), int(x * width)].astype(int)
    return bool(np.abs(at - RED).max() < 12)


def refusal(data: bytes) -> str:
    with pytest.raises(UnreadablePage) as caught:
        page(data, count_pages(data) - 1)
    return caught.value.reason


def pixels_of(data: bytes, number: int = 0) -> np.ndarray:
    found = page(data, number)
    assert isinstance(found, Picture)
    assert found.pixels.dtype == np.uint8 and found.pixels.shape[2] == 3
    return found.pixels


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP"])
def test_every_kind_of_picture_is_the_same_page(kind: str) -> None:
    pixels = pixels_of(encoded(picture(), kind))
    assert pixels.shape == (300, 400, 3)
    assert is_red(pixels, 0.25, 0.25) and not is_red(pixels, 0.75, 0.25) and not is_red(pixels, 0.25, 0.75)


@pytest.mark.parametrize(("orientation", "corner"), [(1, (0, 0)), (3, (1, 1)), (6, (1, 0)), (8, (0, 1))])
def test_a_photograph_is_turned_as_its_camera_says(orientation: int, corner: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = pixels_of(encoded(picture(), "JPEG", exif=exif.tobytes(), quality=95))
    assert is_red(pixels, 0.25 + 0.5 * corner[0], 0.25 + 0.5 * corner[1])


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_any_mode_becomes_colours_of_eight_bits(mode: str) -> None:
    if mode == "I;16":
        ramp = np.tile(np.linspace(0, 65535, 400).astype(np.uint16), (300, 1))
        pixels = pixels_of(encoded(Image.fromarray(ramp), "PNG"))
        assert pixels[0, 0, 0] == 0 and pixels[0, -1, 0] == 255
    else:
        data = encoded(picture().convert(mode), "TIFF" if mode == "CMYK" else "PNG")
        pixels = pixels_of(data)
        assert tuple(pixels[-1, -1]) == (255, 255, 255)


def test_what_is_transparent_lies_on_white() -> None:
    assert (pixels_of(encoded(Image.new("RGBA", (300, 300), (0, 0, 0, 0)), "PNG")) == 255).all()


def test_a_tiff_has_pages() -> None:
    other = Image.new("RGB", (500, 200), "blue")
    data = encoded(picture(), "TIFF", save_all=True, append_images=[other])
    assert count_pages(data) == 2
    assert pixels_of(data, 1).shape == (200, 500, 3)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_large_picture_is_made_smaller(kind: str) -> None:
    pixels = pixels_of(encoded(picture(8000, 6000), kind))
    assert pixels.shape == (3000, 4000, 3)
    assert pixels.shape[0] * pixels.shape[1] <= ENOUGH_PIXELS
    assert is_red(pixels, 0.25, 0.25) and not is_red(pixels, 0.75, 0.75)


def test_a_pdf_is_rendered_on_white_and_states_its_resolution() -> None:
    found = page(pdf(2), 1)
    assert isinstance(found, Picture) and found.dpi is not None and found.dpi >= 200
    assert found.pixels.shape[1] == pytest.approx(297 / 25.4 * found.dpi, abs=2)
    assert (found.pixels[:50] == 255).all()


def test_a_page_beyond_any_paper_is_rendered_more_coarsely_or_refused() -> None:
    large = page(pdf(size=(2000, 2000)), 0)
    assert isinstance(large, Picture)
    assert large.pixels.shape[0] * large.pixels.shape[1] <= ENOUGH_PIXELS * 1.01
    assert refusal(pdf(size=(14_400, 14_400))) == "too-large"


def test_hostile_and_broken_files_are_refused_by_a_code() -> None:
    whole = encoded(picture(), "JPEG")
    assert refusal(png_of(20_000, 20_000)) == "too-large"
    assert refusal(png_of(1, 1)) == refusal(png_of(20_000, 1)) == "resolution-too-low"
    assert refusal(whole[: len(whole) // 2]) == refusal(whole[:40]) == "damaged"
    assert refusal(encoded(picture(), "PNG")[:200]) == "damaged"
    assert refusal(b"%PDF-1.7\nnot much of a page\n%%EOF") == "damaged"
    assert refusal(pdf(password="secret")) == "protected"
    assert refusal(pdf(MAX_PAGES + 1)) == "too-large"
    assert refusal(b"\x89PNG\r\n\x1a\n" + bytes(MAX_BYTES)) == "too-large"


def test_a_pdf_cut_short_is_read_or_refused_by_a_code() -> None:
    data = pdf(text="x")
    for cut in range(20, len(data), 97):
        try:
            assert page(data[:cut], 0)
        except UnreadablePage as error:
            assert error.reason == "damaged"


def test_any_byte_may_be_wrong() -> None:
    rng = np.random.default_rng(5)
    for kind in ("PNG", "JPEG", "TIFF", "BMP"):
        data = encoded(picture(), kind)
        for _ in range(30):
            broken = bytearray(data)
            broken[int(rng.integers(4, min(len(data), 600)))] = int(rng.integers(256))
            try:
                count_pages(bytes(broken))
                page(bytes(broken), 0)
            except UnreadablePage as error:
                assert error.reason in ("damaged", "too-large", "resolution-too-low")
