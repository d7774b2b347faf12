"""Reads pickles without running them.

A pickle is a program: the standard reader imports and calls whatever it names.  This one calls
nothing but the few constructors of PLAIN; any other name becomes an inert `Record`, which keeps
what the pickle wanted to do with it and is told by its path.  Nothing is imported.
"""

from __future__ import annotations

import _compat_pickle
import io
import pickle
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn

from z4j_adapters.transfer.plain import PLAIN, PlainError

__all__ = ["SIZE_MAX", "PickleRefused", "Record", "load", "strangers"]

# A job's arguments have 64 KiB here; what is far larger is no job.
SIZE_MAX = 8 * 1024 * 1024


class PickleRefused(Exception):
    """The pickle is damaged, or wants something that is not read; the message names it."""


@dataclass(eq=False, slots=True)
class Record:
    """What a pickle says of a class or function that is not called here."""

    path: str
    """Module and name, such as "apscheduler.triggers.cron.CronTrigger"."""
    listed: bool
    """The caller of `load` expects it."""
    args: tuple[Any, ...] | None = None
    """What it was to be called with; None: the pickle holds the bare name."""
    state: Any = None
    """What its attributes, or its __setstate__, were to get."""


def load(data: bytes, listed: Collection[str] = (), *, keep_strangers: bool = False) -> Any:
    """Read a pickle of protocol 0 to 5.

    Args:
        data: At most SIZE_MAX bytes.
        listed: Paths of classes that the caller reads as records.
        keep_strangers: Return records of other classes, too, for the caller to judge where they
            stand (`strangers`); nothing of them is run either way.
    Raises:
        PickleRefused: It names something that is neither plain nor listed, uses persistent ids or
            extension codes, or is damaged.
    """
    if len(data) > SIZE_MAX:
        raise PickleRefused(f"the pickle has {len(data)} bytes, and {SIZE_MAX} are read at most")
    reader = _Reader(io.BytesIO(data), listed)
    try:
        value = reader.load()
    except PickleRefused:
        raise
    except PlainError as error:
        raise PickleRefused(f"the pickle {error}") from None
    except Exception as error:  # What damaged bytes make of the standard library's reader.
        raise PickleRefused(f"the pickle is damaged: {type(error).__name__}: {error}") from None
    strange = dict.fromkeys([*reader.strange, *strangers(value)])
    if strange and not keep_strangers:
        raise PickleRefused(
            f"the pickle names {', '.join(strange)}, which is neither plain data nor a "
            "class that is read here; nothing of it was run"
        )
    return value


def strangers(value: Any) -> Iterator[str]:
    """Tell the paths of all records in a value that were not listed; each record once."""
    seen: set[int] = set()
    todo = [value]
    while todo:
        each = todo.pop()
        if isinstance(each, (dict, list, tuple, set, frozenset, Record)):
            if id(each) in seen:
                continue
            seen.add(id(each))
        if isinstance(each, dict):
            todo += [*each.keys(), *each.values()]
        elif isinstance(each, (list, tuple, set, frozenset)):
            todo += each
        elif isinstance(each, Record):
            if not each.listed:
                yield each.path
            todo += [each.args, each.state]


# What can be a key: a tuple's hash goes down into what it holds, without a bound.
_KEYS = (str, int, float, bytes, type(None), Record)


# Python's own reader in Python: its handlers, one an opcode, are what is replaced here.
_Unpickler: Any = pickle._Unpickler  # type: ignore[attr-defined, unused-ignore]


class _Reader(_Unpickler):  # type: ignore[misc]
    """The standard library's reader in Python, with its own hands tied behind its back.

    Each opcode that calls, imports or touches an object's methods has a handler here; the others
    move plain values about.
    """

    def __init__(self, file: io.BytesIO, listed: Collection[str]) -> None:
        super().__init__(file)
        self._listed = listed
        self.strange: dict[str, None] = {}

    def find_class(self, module: str, name: str, /) -> Any:
        """Name it; import nothing."""
        if self.proto < 3:
            if (module, name) in _compat_pickle.NAME_MAPPING:
                module, name = _compat_pickle.NAME_MAPPING[module, name]
            elif module in _compat_pickle.IMPORT_MAPPING:
                module = _compat_pickle.IMPORT_MAPPING[module]
        path = f"{module}.{name}"
        return Record(path, path in self._listed)

    def _call(self, what: Any, args: Any) -> Any:
        if not isinstance(what, Record) or what.args is not None or type(args) is not tuple:
            raise PickleRefused("the pickle is damaged: it calls what cannot be called")
        if what.path == "copyreg._reconstructor":  # How protocols 0 and 1 write an object.
            kind, base, state = args
            if getattr(base, "path", "") != "builtins.object" or state is not None:
                raise PickleRefused("the pickle builds on a class other than object")
            return self._call(kind, ())
        if what.path == "builtins.getattr":
            owner, name = args
            if getattr(owner, "path", "") == "zoneinfo.ZoneInfo" and name == "_unpickle":
                return Record("zoneinfo.ZoneInfo._unpickle", False)
        if make := PLAIN.get(what.path):
            return make(*args)
        return self._note(Record(what.path, what.listed, args))

    def _note(self, record: Record) -> Record:
        if not record.listed:
            self.strange[record.path] = None
        return record

    def load_global_(self) -> None:
        _Unpickler.dispatch[pickle.GLOBAL[0]](self)
        self._name_bare()

    def load_stack_global_(self) -> None:
        _Unpickler.dispatch[pickle.STACK_GLOBAL[0]](self)
        self._name_bare()

    def _name_bare(self) -> None:
        """A name that is only a step on the way to a plain value is no stranger."""
        record = self.stack[-1]
        if record.path not in PLAIN and record.path not in _STEPS:
            self._note(record)

    def load_reduce_(self) -> None:
        args = self.stack.pop()
        self.stack[-1] = self._call(self.stack[-1], args)

    def load_newobj_(self) -> None:
        self.load_reduce_()

    def load_newobj_ex_(self) -> None:
        kwargs, args = self.stack.pop(), self.stack.pop()
        if kwargs:
            raise PickleRefused("the pickle builds an object with named arguments")
        self.stack[-1] = self._call(self.stack[-1], args)

    def load_obj_(self) -> None:
        what, *args = self.pop_mark()
        self.append(self._call(what, tuple(args)))

    def load_inst_(self) -> None:
        module = self.readline()[:-1].decode("ascii")
        name = self.readline()[:-1].decode("ascii")
        args = tuple(self.pop_mark())  # First: it changes where append goes.
        self.append(self._call(self.find_class(module, name), args))

    def load_build_(self) -> None:
        state = self.stack.pop()
        record = self.stack[-1]
        if not isinstance(record, Record) or record.args is None or record.state is not None:
            raise PickleRefused(f"the pickle sets attributes of a {type(record).__name__}")
        record.state = state

    def load_append_(self) -> None:
        value = self.stack.pop()
        self._top(list).append(value)

    def load_appends_(self) -> None:
        values = self.pop_mark()
        self._top(list).extend(values)

    def load_setitem_(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._top(dict)[_key(key)] = value

    def load_setitems_(self) -> None:
        items = self.pop_mark()
        into = self._top(dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            into[_key(key)] = value

    def load_dict_(self) -> None:
        items = self.pop_mark()
        pairs = zip(items[::2], items[1::2], strict=True)
        self.append({_key(key): value for key, value in pairs})

    def load_additems_(self) -> None:
        values = self.pop_mark()
        self._top(set).update(map(_key, values))

    def load_frozenset_(self) -> None:
        values = self.pop_mark()
        self.append(frozenset(map(_key, values)))

    def _top(self, kind: type) -> Any:
        top = self.stack[-1]
        if type(top) is not kind:
            raise PickleRefused(f"the pickle fills a {type(top).__name__} like a {kind.__name__}")
        return top

    def refuse_extension(self) -> NoReturn:
        raise PickleRefused("the pickle uses an extension code (copyreg.add_extension)")

    def refuse_persistent(self) -> NoReturn:
        raise PickleRefused("the pickle uses a persistent id")

    def refuse_buffer(self) -> NoReturn:
        raise PickleRefused("the pickle holds a bytearray or a buffer outside of it")

    dispatch: ClassVar[dict[int, Any]] = {
        **_Unpickler.dispatch,
        pickle.GLOBAL[0]: load_global_,
        pickle.STACK_GLOBAL[0]: load_stack_global_,
        pickle.REDUCE[0]: load_reduce_,
        pickle.NEWOBJ[0]: load_newobj_,
        pickle.NEWOBJ_EX[0]: load_newobj_ex_,
        pickle.OBJ[0]: load_obj_,
        pickle.INST[0]: load_inst_,
        pickle.BUILD[0]: load_build_,
        pickle.APPEND[0]: load_append_,
        pickle.APPENDS[0]: load_appends_,
        pickle.SETITEM[0]: load_setitem_,
        pickle.SETITEMS[0]: load_setitems_,
        pickle.DICT[0]: load_dict_,
        pickle.ADDITEMS[0]: load_additems_,
        pickle.FROZENSET[0]: load_frozenset_,
        pickle.EXT1[0]: refuse_extension,
        pickle.EXT2[0]: refuse_extension,
        pickle.EXT4[0]: refuse_extension,
        pickle.PERSID[0]: refuse_persistent,
        pickle.BINPERSID[0]: refuse_persistent,
        pickle.BYTEARRAY8[0]: refuse_buffer,
        pickle.NEXT_BUFFER[0]: refuse_buffer,
        pickle.READONLY_BUFFER[0]: refuse_buffer,
    }


_STEPS = frozenset(
    ("builtins.getattr", "builtins.object", "copyreg._reconstructor", "zoneinfo.ZoneInfo")
)


def _key(value: Any) -> Any:
    if not isinstance(value, _KEYS):
        raise PickleRefused(f"the pickle uses a {type(value).__name__} as a key")
    return value
