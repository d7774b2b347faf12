"""Solar events beside ephem (which Celery uses) and astral: 20 cities, all events, every day.

An event may differ by at most a minute.  Where the sun only just reaches the event's altitude
before it turns back, a hair of altitude decides whether the event happens at all, and moves it by
minutes: such a day is *grazing*.  A difference is allowed on a grazing day alone, and each of
them is counted and shown.  So is where astral takes the wrong day's sun (see is_at_seam).
"""

from __future__ import annotations

import bisect
import json
import math
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import astral
import astral.sun
import ephem
import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("Z4J_BUILD_DIR", ROOT / "build" / "dev"))
PROBE = BUILD / "services" / "scheduler" / "core" / "solar_probe"

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2027, 1, 1, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

DIFFERENCE_MAX_S = 60.0
# How near to the event's altitude the sun turns back on a grazing day, in degrees.  ephem agrees
# with us on the sun's place within 0.003 degrees.  astral judges whether an event happens by the
# declination at 0 h UTC, which moves by up to 0.4 degrees in the day that follows.
EPHEM_GRAZING_DEG = 0.01
ASTRAL_GRAZING_DEG = 0.4
ASTRAL_RADIUS_DEG = 16 / 60
ASTRAL_SEAM_S = 2700.0

CITIES = {
    "Tromso": (69.6492, 18.9553),
    "Longyearbyen": (78.2232, 15.6267),
    "McMurdo": (-77.8463, 166.6683),
    "Murmansk": (68.9585, 33.0827),
    "Utqiagvik": (71.2906, -156.7886),
    "Reykjavik": (64.1466, -21.9426),
    "Fairbanks": (64.8378, -147.7164),
    "Ushuaia": (-54.8019, -68.3030),
    "Quito": (-0.1807, -78.4678),
    "Singapore": (1.3521, 103.8198),
    "Nairobi": (-1.2921, 36.8219),
    "Sydney": (-33.8688, 151.2093),
    "Auckland": (-36.8509, 174.7645),
    "Suva": (-18.1248, 178.4501),
    "Honolulu": (21.3069, -157.8583),
    "Berlin": (52.5200, 13.4050),
    "London": (51.5074, -0.1278),
    "New York": (40.7128, -74.0060),
    "Tokyo": (35.6762, 139.6503),
    "Sao Paulo": (-23.5505, -46.6333),
}


@dataclass(frozen=True)
class Event:
    """One solar event; the number is SolarEvent's, `direction` is the name within ephem."""

    number: int
    name: str
    direction: str
    horizon_deg: float = 0.0
    by_limb: bool = False


EVENTS = [
    Event(1, "dawn_astronomical", "rising", -18),
    Event(2, "dawn_nautical", "rising", -12),
    Event(3, "dawn_civil", "rising", -6),
    Event(4, "sunrise", "rising", -34 / 60, by_limb=True),
    Event(5, "solar_noon", "transit"),
    Event(6, "sunset", "setting", -34 / 60, by_limb=True),
    Event(7, "dusk_civil", "setting", -6),
    Event(8, "dusk_nautical", "setting", -12),
    Event(9, "dusk_astronomical", "setting", -18),
    Event(10, "solar_midnight", "antitransit"),
]


def seconds(moment: datetime) -> float:
    """Unix seconds."""
    return (moment - EPOCH).total_seconds()


def of_ephem(moment: ephem.Date) -> float:
    """Unix seconds of an instant of ephem's."""
    return seconds(moment.datetime().replace(tzinfo=UTC))


def to_ephem(unix_s: float) -> ephem.Date:
    """The opposite of `of_ephem`."""
    return ephem.Date((EPOCH + timedelta(seconds=unix_s)).replace(tzinfo=None))


def observer(city: str, event: Event) -> ephem.Observer:
    """An observer under Celery's conventions."""
    latitude, longitude = CITIES[city]
    result = ephem.Observer()
    result.lat, result.lon = math.radians(latitude), math.radians(longitude)
    result.elevation = 0
    result.pressure = 0
    result.horizon = math.radians(event.horizon_deg)
    return result


def ours(city: str, event: Event, begin: datetime, end: datetime) -> list[float]:
    """Our instants in (begin, end], ascending."""
    latitude, longitude = CITIES[city]
    query = {
        "event": event.number,
        "latitude": latitude,
        "longitude": longitude,
        "after": round(seconds(begin) * 1e6),
        "until": round(seconds(end) * 1e6),
    }
    answer = subprocess.run(
        [PROBE], input=json.dumps(query) + "\n", text=True, capture_output=True, check=True
    )
    return [micros / 1e6 for micros in json.loads(answer.stdout)]


def of_ephem_between(city: str, event: Event, begin: datetime, end: datetime) -> Iterator[float]:
    """ephem's instants from begin to end."""
    place = observer(city, event)
    moment, last = to_ephem(seconds(begin)), to_ephem(seconds(end))
    while True:
        place.date = moment
        try:
            if event.direction in ("rising", "setting"):
                search = getattr(place, f"next_{event.direction}")
                found = search(ephem.Sun(), use_center=not event.by_limb)
            else:
                found = getattr(place, f"next_{event.direction}")(ephem.Sun())
        except ephem.CircumpolarError:
            # No event up to the next culmination: look again half a day on, as Celery does.
            moment = ephem.Date(moment + 0.5)
        else:
            if found > last:
                return
            yield of_ephem(found)
            moment = ephem.Date(found + ephem.minute)
        if moment > last:
            return


def of_astral_on(city: str, event: Event, day: date) -> float | None:
    """astral's instant around that UTC date; None if it says that there is none.

    Not through its sunrise(), dawn() and so on: these add refraction also where no horizon is.
    """
    place = astral.Observer(*CITIES[city], 0.0)
    if event.direction == "transit":
        return seconds(astral.sun.noon(place, day, UTC))
    if event.direction == "antitransit":
        return seconds(astral.sun.midnight(place, day, UTC))
    zenith_deg = 90 - event.horizon_deg + (ASTRAL_RADIUS_DEG if event.by_limb else 0)
    direction = astral.SunDirection[event.direction.upper()]
    try:
        found = astral.sun.time_of_transit(place, day, zenith_deg, direction, with_refraction=False)
    except ValueError:
        return None
    return seconds(found)


def is_at_seam(unix_s: float) -> bool:
    """Whether astral may take the sun of the wrong day, and so have an event twice or not at all.

    It does next to midnight UTC where events move by many minutes from day to day.
    """
    return abs((unix_s + 43200) % 86400 - 43200) < ASTRAL_SEAM_S


def margin_deg(city: str, event: Event, unix_s: float) -> float:
    """How near to the event's altitude the sun turns back around that instant, after ephem."""
    place = observer(city, event)
    sun = ephem.Sun()
    near = []
    for culmination in ("transit", "antitransit"):
        for when in ("previous", "next"):
            place.date = to_ephem(unix_s)
            place.date = getattr(place, f"{when}_{culmination}")(sun)
            sun.compute(place)
            altitude = math.degrees(float(sun.alt) + (float(sun.radius) if event.by_limb else 0))
            near.append(abs(altitude - event.horizon_deg))
    return min(near)


def distance(instants: list[float], instant: float) -> float:
    """Seconds from `instant` to the next of the ascending `instants`."""
    i = bisect.bisect(instants, instant)
    return min((abs(x - instant) for x in instants[max(0, i - 1) : i + 1]), default=math.inf)


@dataclass
class Comparison:
    """What comparing two lists of instants came to."""

    compared: int = 0
    max_s: float = 0.0
    grazing: int = 0
    at_seam: int = 0

    def add(
        self,
        city: str,
        event: Event,
        theirs: list[float],
        mine: list[float],
        deg: float,
        is_at_seam: Callable[[float], bool] = lambda _: False,
    ) -> None:
        """Holds each of `theirs` against the nearest of `mine`."""
        for instant in theirs:
            difference_s = distance(mine, instant)
            if difference_s > DIFFERENCE_MAX_S:
                at = EPOCH + timedelta(seconds=instant)
                if is_at_seam(instant):
                    self.at_seam += 1
                    print(f"  at astral's seam: {city} {at:%Y-%m-%d %H:%M}")
                    continue
                margin = margin_deg(city, event, instant)
                assert margin < deg, (
                    f"{city}, {event.name}, {at}: {difference_s:.0f} s apart, and the sun turns "
                    f"back {margin:.3f} degrees from the event's altitude, not just at it"
                )
                self.grazing += 1
                print(f"  grazing: {city} {at:%Y-%m-%d %H:%M} by {margin:.4f} degrees")
            else:
                self.max_s = max(self.max_s, difference_s)
                self.compared += 1


DAY = timedelta(days=1)


def within_year(instants: list[float]) -> list[float]:
    """Those in the year that is compared."""
    return [x for x in instants if seconds(BEGIN) <= x < seconds(END)]


def unmatched(mine: list[float], theirs: list[float]) -> list[float]:
    """What we have in that year and they have not."""
    return [x for x in within_year(mine) if distance(theirs, x) > DIFFERENCE_MAX_S]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_every_event_of_a_year_is_within_a_minute_of_ephem(event: Event) -> None:
    result = Comparison()
    for city in CITIES:
        wide_mine = ours(city, event, BEGIN - DAY, END + DAY)
        wide_theirs = list(of_ephem_between(city, event, BEGIN - DAY, END + DAY))
        result.add(city, event, within_year(wide_theirs), wide_mine, EPHEM_GRAZING_DEG)
        result.add(city, event, unmatched(wide_mine, wide_theirs), wide_theirs, EPHEM_GRAZING_DEG)
    print(f"ephem {event.name}: {result}")
    assert result.compared > 20 * 150
    assert result.grazing < 0.01 * result.compared


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_every_event_of_a_year_is_within_a_minute_of_astral(event: Event) -> None:
    result = Comparison()
    days = [BEGIN.date() + timedelta(days=n) for n in range(-1, 367)]
    for city in CITIES:
        theirs = sorted(x for day in days if (x := of_astral_on(city, event, day)) is not None)
        mine = ours(city, event, BEGIN - 2 * DAY, END + 2 * DAY)
        result.add(city, event, within_year(theirs), mine, ASTRAL_GRAZING_DEG, is_at_seam)
        result.add(city, event, unmatched(mine, theirs), theirs, ASTRAL_GRAZING_DEG, is_at_seam)
    print(f"astral {event.name}: {result}")
    assert result.compared > 20 * 150
    assert result.grazing + result.at_seam < 0.01 * result.compared
