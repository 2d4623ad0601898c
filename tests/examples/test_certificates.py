"""Files become variables, without a resource anywhere. The folder is real, so these tests run in real time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from examples.certificates.certificates import CertificateReconciler
from operator_kit.testing import MemoryNomad, eventually, running


@asynccontextmanager
async def operating(nomad: MemoryNomad, folder: Path) -> AsyncIterator[None]:
    async with running(nomad, CertificateReconciler(folder, every=0.05), name="certificates") as manager:
        await asyncio.wait_for(manager.leading.wait(), 10)
        yield


def write(folder: Path, name: str, **files: str) -> None:
    (folder / name).mkdir(exist_ok=True)
    for stem, text in files.items():
        (folder / name / f"{stem}.pem").write_text(text)


async def test_a_certificate_is_written_renewed_and_removed(tmp_path: Path) -> None:
    nomad = MemoryNomad()
    write(tmp_path, "shop.example.org", fullchain="one", privkey="secret")
    path = "certificates/shop_example_org"
    async with operating(nomad, tmp_path):
        await eventually(lambda: nomad.items(path) is not None)
        assert nomad.items(path) == {"source": "shop.example.org", "certificate": "one", "key": "secret"}
        write(tmp_path, "shop.example.org", fullchain="two")
        await eventually(lambda: (nomad.items(path) or {}).get("certificate") == "two")
        for file in (tmp_path / "shop.example.org").iterdir():
            file.unlink()
        (tmp_path / "shop.example.org").rmdir()
        await eventually(lambda: nomad.items(path) is None)


async def test_half_a_certificate_waits_for_its_other_half(tmp_path: Path) -> None:
    nomad = MemoryNomad()
    write(tmp_path, "a.example", fullchain="half")
    write(tmp_path, "b.example", fullchain="whole", privkey="key")
    async with operating(nomad, tmp_path):
        await eventually(lambda: nomad.items("certificates/b_example") is not None)
        assert nomad.items("certificates/a_example") is None
        write(tmp_path, "a.example", privkey="the rest")
        await eventually(lambda: nomad.items("certificates/a_example") is not None)


async def test_what_was_not_made_here_is_left_alone(tmp_path: Path) -> None:
    nomad = MemoryNomad()
    await nomad.declare("certificates/taken", owner="somebody")
    write(tmp_path, "taken", fullchain="x", privkey="y")
    write(tmp_path, "free", fullchain="x", privkey="y")
    async with operating(nomad, tmp_path):
        await eventually(lambda: nomad.items("certificates/free") is not None)
    assert nomad.items("certificates/taken") == {"owner": "somebody"}
