"""The restricted reader: plain values come back, hostile pickles run nothing."""

from __future__ import annotations

import copyreg
import pickle
import pickletools
import random
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from z4j_adapters.transfer.pickles import SIZE_MAX, PickleRefused, Record, load, strangers

PROTOCOLS = range(6)
ROME = ZoneInfo("Europe/Rome")

PLAIN_VALUES = [
    None,
    True,
    False,
    0,
    -1,
    255,
    65536,
    2**31,
    -(2**80),
    1.5,
    float("-inf"),
    "",
    "a\nb\\ü€😀",
    b"",
    b"\x00\xff\n",
    [],
    [1, [2, ["x"]]],
    (),
    (1,),
    (1, 2),
    (1, 2, 3),
    (1, 2, 3, 4),
    {},
    {"a": 1, 2: "b", None: [True]},
    {1, 2},
    frozenset("a"),
    date(2026, 2, 28),
    time(1, 2, 3, 4),
    timedelta(days=-1, microseconds=7),
    timezone.utc,
    timezone(timedelta(hours=5, minutes=30)),
    datetime(2026, 10, 25, 2, 30),
    datetime(2026, 10, 25, 2, 30, tzinfo=timezone.utc),
    datetime(2026, 10, 25, 2, 30, tzinfo=ROME, fold=1),
]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("value", PLAIN_VALUES, ids=repr)
def test_a_plain_value_comes_back_as_it_was(value: Any, protocol: int) -> None:
    read = load(pickle.dumps(value, protocol))
    assert type(read) is type(value)
    assert read == value
    if isinstance(value, datetime):
        # Python writes the fold from protocol 4 on.
        assert (read.tzinfo, read.fold) == (value.tzinfo, value.fold if protocol >= 4 else 0)


class Runs:
    """Writes a file when it is read by pickle.loads."""

    def __init__(self, call: Callable[..., Any], *args: Any) -> None:
        self.call, self.args = call, args

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call, self.args


def hostile(proof: Path) -> dict[str, tuple[Any, str]]:
    """Pickles that do harm, and the name by which each is refused."""
    import os
    import subprocess

    touch = f"open({str(proof)!r}, 'w').close()"
    return {
        "os.system": (Runs(os.system, f"touch {proof}"), "posix.system"),
        "eval": (Runs(eval, touch), "builtins.eval"),
        "exec": (Runs(exec, touch), "builtins.exec"),
        "subprocess": (Runs(subprocess.check_call, ["touch", str(proof)]), "subprocess.check_call"),
        "import": (Runs(__import__, "antigravity"), "builtins.__import__"),
        "open": (Runs(open, str(proof), "w"), "io.open"),
        "getattr": (Runs(getattr, 1, "real"), "builtins.getattr"),
        "in a list": ([1, {"x": Runs(os.system, f"touch {proof}")}], "posix.system"),
        "a bare function": ([os.system], "posix.system"),
        "a bare class": ({"x": subprocess.Popen}, "subprocess.Popen"),
        "getattr as a value": ([getattr], "builtins.getattr"),
        "a zone's class": ([ZoneInfo], "zoneinfo.ZoneInfo"),
    }


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", list(hostile(Path("/nowhere"))))
def test_a_hostile_pickle_runs_nothing_and_is_refused_by_name(
    name: str, protocol: int, tmp_path: Path
) -> None:
    proof = tmp_path / "ran"
    value, path = hostile(proof)[name]
    data = pickle.dumps(value, protocol)
    with pytest.raises(PickleRefused) as refusal:
        load(data)
    assert path in str(refusal.value)
    load(data, keep_strangers=True)
    assert not proof.exists()


def test_the_same_pickles_do_run_where_nobody_ties_their_hands(tmp_path: Path) -> None:
    proof = tmp_path / "ran"
    value, _ = hostile(proof)["exec"]
    pickle.loads(pickle.dumps(value))
    assert proof.exists()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"cos\nsystem\n(S'touch /tmp/x'\ntR.", "os.system"),
        (b"(S'x'\nios\nsystem\n.", "os.system"),
        (b"(cos\nsystem\nS'x'\no.", "os.system"),
        (b"\x80\x02cos\nsystem\nU\x01x\x85R.", "os.system"),
        (b"\x80\x02csubprocess\nPopen\nU\x01x\x85\x81.", "subprocess.Popen"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x01x\x85R.", "os.system"),
        (b"\x80\x04\x8c\x02os\x8c\x0bpath.exists\x93.", "os.path.exists"),
        (b"\x80\x02cshop\nThing\n)}\x92.", "shop.Thing"),
        (b"Pid\n.", "persistent id"),
        (b"NQ.", "persistent id"),
        (b"\x80\x02\x82\x01.", "extension code"),
        (b"\x80\x02\x83\x01\x00.", "extension code"),
        (b"\x80\x02\x84\x01\x00\x00\x00.", "extension code"),
        (b"\x80\x05\x97.", "buffer"),
        (b"\x80\x05\x96\xff\xff\xff\xff\xff\xff\xff\x7f.", "buffer"),
        (b"cbuiltins\ngetattr\n(czoneinfo\nZoneInfo\nV__class__\ntR.", "builtins.getattr"),
        (b"cbuiltins\ngetattr\n(cos\npath\nV_unpickle\ntR.", "os.path"),
        (b"ccopyreg\n_reconstructor\n(cos\nX\ncbuiltins\ndict\n(dtR.", "other than object"),
        (b"c_codecs\nencode\n(Vx\nVrot13\ntR.", "rot13"),
        (b"czoneinfo\nZoneInfo._unpickle\n(V../../../etc/passwd\nI01\ntR.", "etc/passwd"),
        (b"cdatetime\ndatetime\n(I2026\nI1\nI1\nI0\nI0\nI0\nI0\ncshop\nZone\n)RtR.", "shop.Zone"),
        (b"]}(VzVy", "damaged"),
        (b"", "damaged"),
        (b".", "damaged"),
        (b"N", "damaged"),
        (b"\x80\x09N.", "damaged"),
        (b"not a pickle at all", "damaged"),
        (b"I1\n}b.", "sets attributes of a int"),
        (b"}Nb.", "sets attributes of a dict"),
        (b"I1\n)R.", "cannot be called"),
        (b"Vx\nI1\na.", "fills a str"),
        (b"}(I1\ntI2\ns.", "a tuple as a key"),
        (b"\x80\x02\x8a\x00X\xff\xff\xff\x7fabc.", "damaged"),
        (b"I" + b"9" * 10_000 + b"\n.", "damaged"),
        (b"0" * 3 + b".", "damaged"),
    ],
)
def test_what_pickle_would_run_by_hand_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(PickleRefused, match=says.replace("(", "\\(")):
        load(data)


def test_an_endless_pickle_is_not_read() -> None:
    with pytest.raises(PickleRefused, match="are read at most"):
        load(b"N" * (SIZE_MAX + 1))


def test_an_extension_code_that_this_process_knows_is_refused_all_the_same() -> None:
    copyreg.add_extension("os", "system", 0x7FFFFF01)
    try:
        with pytest.raises(PickleRefused, match="extension code"):
            load(b"\x80\x02\x84" + (0x7FFFFF01).to_bytes(4, "little") + b".")
    finally:
        copyreg.remove_extension("os", "system", 0x7FFFFF01)


class Thing:
    """Stands for a library's class."""

    def __init__(self) -> None:
        self.size = 3

    def __setstate__(self, state: dict[str, Any]) -> None:
        raise AssertionError("built")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_listed_class_becomes_a_record_and_is_not_built(protocol: int) -> None:
    path = f"{Thing.__module__}.Thing"
    record = load(pickle.dumps(Thing(), protocol), {path})
    assert isinstance(record, Record)
    assert (record.path, record.listed, record.state) == (path, True, {"size": 3})


def test_strangers_are_told_where_they_stand() -> None:
    value = load(pickle.dumps({"trigger": Thing(), "args": [1]}), keep_strangers=True)
    assert list(strangers(value["trigger"])) == [f"{Thing.__module__}.Thing"]
    assert list(strangers(value["args"])) == []


def test_a_pickle_that_holds_itself_is_read() -> None:
    loop: list[Any] = []
    loop.append(loop)
    read = load(pickle.dumps(loop))
    assert read[0] is read
    assert list(strangers(read)) == []


def test_depth_does_not_matter() -> None:
    data = b"N" + b"\x85" * 200_000 + b"."
    assert isinstance(load(data), tuple)
    with pytest.raises(PickleRefused, match="as a key"):
        load(b"}" + data[:-1] + b"Ns.")


def test_every_opcode_of_this_python_is_known() -> None:
    """A new protocol's opcodes are looked at before they are let in."""
    known = {code.code for code in pickletools.opcodes}
    assert len(known) == 68
    assert pickle.HIGHEST_PROTOCOL == 5


def test_nothing_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "trap.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(PickleRefused, match=r"trap\.Thing"):
        load(b"ctrap\nThing\n)R.")
    assert not (tmp_path / "ran").exists()


def test_random_damage_never_gets_out_as_another_error() -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    draw = random.Random(seed)
    good = [pickle.dumps(PLAIN_VALUES, protocol) for protocol in PROTOCOLS]
    refused = 0
    for _ in range(3000):
        data = bytearray(draw.choice(good))
        for _ in range(draw.randint(1, 8)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        try:
            load(bytes(data))
        except PickleRefused:
            refused += 1
    assert 100 < refused < 3000
