"""Small files that claim to be large: name -> bytes."""

import io
import lzma
import struct
import zlib
from collections.abc import Sequence

import numpy as np
from PIL import Image as Pillow

WIDE = 30000  # squared: 900 megapixels
Tag = tuple[int, int, int, int]  # code, type, count, value or offset


def page(at: int, tags: Sequence[Tag], following: int = 0) -> bytes:
    """The table of one page of a TIFF file that will stand at offset ``at``."""
    table = b"".join(struct.pack("<HHII", *tag) for tag in sorted(tags))
    return struct.pack("<H", len(tags)) + table + struct.pack("<I", following)


def sizes(
    width: int, height: int, data: tuple[int, int], compression: int = 1, bits: int = 8
) -> list[Tag]:
    """The tags of a grey page with one strip, its offset and length in ``data``."""
    values = {256: width, 257: height, 258: bits, 259: compression, 262: 1, 273: data[0]}
    values |= {277: 1, 278: height, 279: data[1], 339: 3 if bits > 16 else 1}
    return [(code, 4, 1, value) for code, value in values.items()]


def tiff(tags: Sequence[Tag], content: bytes = b"") -> bytes:
    """A TIFF file of one page; ``content`` begins at byte 8."""
    at = 8 + len(content)
    return b"II*\0" + struct.pack("<I", at) + content + page(at, tags)


def chain(pages: Sequence[Sequence[Tag]], last: int = 0, content: bytes = b"") -> bytes:
    """A TIFF file of many pages; the last one is followed by page number ``last``."""
    first = 8 + len(content)
    offsets = [first]
    for tags in pages:
        offsets.append(offsets[-1] + 6 + 12 * len(tags))
    offsets[-1] = offsets[last] if last else 0
    tables = [page(0, tags, after) for tags, after in zip(pages, offsets[1:], strict=True)]
    return b"II*\0" + struct.pack("<I", first) + content + b"".join(tables)


def described(text: str) -> bytes:
    """A TIFF file of 4 x 4 pixels with a description."""
    words = text.encode() + b"\0"
    tags = [*sizes(4, 4, (8, 16)), (270, 2, len(words), 24)]
    return tiff(tags, bytes(16) + words)


def ome(pixels: str, inside: str = "", beside: str = "") -> str:
    """OME-XML of one image; attributes of its pixels."""
    return (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        f'<Image ID="Image:0"><Pixels DimensionOrder="XYCZT" Type="uint8" SizeX="4" SizeY="4" '
        f"{pixels}>{inside}</Pixels></Image>{beside}</OME>"
    )


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, bits: int, colour: int, notes: bytes = b"") -> bytes:
    """A PNG file with the pixels of its first rows only."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    rows = chunk(b"PLTE", bytes(768)) if colour == 3 else b""
    rows += chunk(b"IDAT", zlib.compress(bytes(10000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + notes + rows


def jpeg2000(side: int) -> bytes:
    """A JPEG 2000 codestream of 64 x 64 pixels whose header says otherwise."""
    file = io.BytesIO()
    Pillow.new("L", (64, 64)).save(file, "JPEG2000", no_jp2=True)
    return file.getvalue().replace(struct.pack(">II", 64, 64), struct.pack(">II", side, side))


def npy(shape: tuple[int, ...], kind: str = "|u1") -> bytes:
    """The header of an NPY file."""
    file = io.BytesIO()
    header = {"descr": kind, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue()


def patched(kind: str, before: bytes, after: bytes) -> bytes:
    """A file of 40 x 50 pixels whose header says otherwise."""
    file = io.BytesIO()
    Pillow.new("RGB", (50, 40)).save(file, kind)
    assert file.getvalue().count(before) == 1
    return file.getvalue().replace(before, after)


def progressive(scans: int) -> bytes:
    """A JPEG file that draws the same coefficients of one grey block again and again."""
    parts = [
        (0xDB, bytes([0] + [1] * 64)),
        (0xC2, struct.pack(">BHHBBBB", 8, 8, 8, 1, 1, 17, 0)),
        (0xC4, bytes([0, 1, *[0] * 15, 0])),
        (0xC4, bytes([16, 1, *[0] * 15, 0])),
        (0xDA, bytes([1, 1, 0, 0, 0, 0])),
    ]
    head = [struct.pack(">BBH", 255, kind, len(data) + 2) + data for kind, data in parts]
    scan = struct.pack(">BBHBBBBBB", 255, 0xDA, 8, 1, 1, 0, 1, 63, 0) + b"\x7f"
    return b"\xff\xd8" + b"".join(head) + b"\x7f" + scan * scans + b"\xff\xd9"


def zeros(count: int) -> bytes:
    """``zlib.compress(bytes(count))`` without that much memory."""
    packer = zlib.compressobj()
    parts = [packer.compress(bytes(1 << 20)) for _ in range(count >> 20)]
    return b"".join([*parts, packer.flush()])


def too_large() -> dict[str, bytes]:
    """More pixels than are allowed, by the header."""
    many = [sizes(1000, 1000, (8, 1000))] * 2000
    wide = struct.pack(">HH", 60000, 60000)
    return {
        "sparse.tif": tiff(sizes(WIDE, WIDE, (8, 0), 8, bits=64)),
        "plain.tif": tiff(sizes(WIDE, WIDE, (8, 8)), bytes(8)),
        "pages.tif": chain(many),
        "tile.tif": tiff([*sizes(4, 4, (8, 8)), (322, 4, 1, 1 << 20), (323, 4, 1, 1 << 20)]),
        "grey.png": png(WIDE, WIDE, 8, 0),
        "bits.png": png(WIDE, WIDE, 1, 0),
        "palette.png": png(7000, 7000, 8, 3),
        "colour16.png": png(7000, 7000, 16, 2),
        "alpha16.png": png(9000, 9000, 16, 4),
        "a.jpg": patched("JPEG", struct.pack(">HH", 40, 50), wide),
        "a.bmp": patched("BMP", struct.pack("<II", 50, 40), struct.pack("<II", WIDE, WIDE)),
        "a.npy": npy((WIDE, WIDE)),
    }


def misleading() -> dict[str, bytes]:
    """Few pixels, and a structure that takes memory or time without end."""
    small = sizes(4, 4, (8, 16))
    lists = [(273, 4, 50000, 24), (279, 4, 50000, 24)]
    shared = [
        [*(tag for tag in sizes(width, 4, (8, 16)) if tag[0] not in (273, 279)), *lists]
        for width in (4, 5)
    ]
    runs = b"\x81\0" * (1 << 20)
    packed = zeros(1 << 27)
    strips = {8: packed, 34925: lzma.compress(bytes(1 << 27), preset=0), 32773: runs}
    pictures = {34933: png(WIDE, WIDE, 8, 0), 34712: jpeg2000(WIDE), 50002: b"JPEG XL"}
    along = '<ModuloAlongT Type="other" Start="0" End="1e12" Step="1e-3"/>'
    modulo = (
        '<StructuredAnnotations><XMLAnnotation ID="a" Namespace="openmicroscopy.org/modulo">'
        f"<Value><Modulo>{along}</Modulo></Value></XMLAnnotation></StructuredAnnotations>"
    )
    return {
        "circle.tif": chain([small] * 150, 20),
        "hidden.tif": chain([[*small, (330, 4, 1 << 31, 8)]] * 150, 20),
        "lost.tif": chain([[*small, (330, 4, 3, 1 << 20)]] * 150, 20),
        "shared.tif": chain(shared * 1500, content=bytes(16) + bytes(200000)),
        **{
            f"strip{kind}.tif": tiff(sizes(4, 4, (8, len(data)), kind), data)
            for kind, data in {**strips, **pictures}.items()
        },
        "times.ome.tif": described(ome('SizeZ="1" SizeC="1" SizeT="200000000"', "<TiffData/>")),
        "planes.ome.tif": described(
            ome('SizeZ="1" SizeC="1" SizeT="1"', '<TiffData PlaneCount="200000000"/>')
        ),
        "modulo.ome.tif": described(ome('SizeZ="1" SizeC="1" SizeT="1"', "<TiffData/>", modulo)),
        "imagej.tif": described("ImageJ=1.54\nimages=200000000\nslices=200000000\n"),
        "shaped.tif": described('{"shape": [200000000, 4, 4]}'),
        "scans.jpg": progressive(3000),
        "zTXt.png": png(4, 4, 8, 0, chunk(b"zTXt", b"a\0\0" + packed)),
        "iTXt.png": png(4, 4, 8, 0, chunk(b"iTXt", b"a\0\1\0\0\0" + packed)),
        "iCCP.png": png(4, 4, 8, 0, chunk(b"iCCP", b"a\0\0" + packed)),
        "long.npy": npy((10000, 10000)),
        "wide.npy": npy((1,), "|S2000000000"),
    }
