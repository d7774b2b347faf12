#ifndef Z4J_SCHEDULER_CORE_SUN_H_
#define Z4J_SCHEDULER_CORE_SUN_H_

// Where the sun stands, as an observer at sea level without atmosphere sees it.
//
// After J. Meeus, "Astronomical Formulae for Calculators" (4th edition), chapters 7, 8, 15 and 18:
// Newcomb's theory with its largest planetary terms.  Measured against ephem it is within 12" until
// 2100 and 30" until 2200 (most of it the rotation of the Earth, which nobody can foretell), that
// is within a second or two of time, and takes 0.4 us a place.  libnova 0.16 takes 50 us and
// refers its sun to the equinox of 2000, which puts sunrise off by 80 s in 2026.
namespace z4j::scheduler {

// Seconds of Universal Time since 2000-01-01T12:00:00Z.
using SunTime = double;

// 2000-01-01T12:00:00Z in Unix seconds.
inline constexpr long kSunEpochUnixSeconds = 946'728'000;

// The apparent place of date, geocentric; angles in radians.
struct SunPlace {
  double right_ascension, declination;
  double declination_per_day;  // How fast `declination` changes.
  double distance_au;
  double sidereal_time;  // At Greenwich, apparent, not reduced to one turn.
};
SunPlace SunPlaceAt(SunTime time);

// Altitude of the sun's centre, topocentric, in degrees; latitude and longitude in radians.
double SunAltitude(const SunPlace& place, double latitude, double longitude);

// Apparent radius of its disc in degrees.
double SunRadius(const SunPlace& place);

// The meridian transit number `half_day`: even ones are upper (solar noon), odd ones lower (solar
// midnight); 0 is the one next to 2000-01-01T12:00:00 local mean time.  Longitude in radians.
SunTime SunTransit(long half_day, double longitude);

// The instant near that transit at which the sun stands highest (even) or lowest (odd): not quite
// at the transit because its declination moves.  Next to the poles that is the stronger motion:
// the answer is then bounded to 3 h from the transit.
SunTime SunCulmination(long half_day, double latitude, double longitude);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CORE_SUN_H_
