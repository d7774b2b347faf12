#include "services/scheduler/core/sun.h"

#include <algorithm>
#include <cmath>

namespace z4j::scheduler {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kTurn = 2 * kPi;
constexpr double kDegree = kPi / 180;
constexpr double kSecondsPerDay = 86'400;
constexpr double kHalfDay = kSecondsPerDay / 2;
constexpr double kDaysPerCentury = 36'525;

// Terrestrial minus Universal Time, which cannot be foretold; its drift over a century moves the
// sun by a few seconds of arc.
constexpr double kDeltaT = 70;

// Of the sun's centre at a distance of 1 au.
constexpr double kRadiusDegrees = 959.63 / 3600;
constexpr double kParallaxDegrees = 8.794 / 3600;

double SinDegrees(double angle) { return std::sin(angle * kDegree); }
double CosDegrees(double angle) { return std::cos(angle * kDegree); }

}  // namespace

SunPlace SunPlaceAt(SunTime time) {
  // Chapter 18: centuries since 1900 January 0.5 of Terrestrial Time; angles in degrees.
  const double t = (time + kDeltaT) / kSecondsPerDay / kDaysPerCentury + 1;
  const double mean_longitude = 279.69668 + (36000.76892 + 0.0003025 * t) * t;
  const double anomaly = 358.47583 + (35999.04975 - (0.000150 + 0.0000033 * t) * t) * t;
  const double eccentricity = 0.01675104 - (0.0000418 + 0.000000126 * t) * t;
  const double centre = (1.919460 - (0.004789 + 0.000014 * t) * t) * SinDegrees(anomaly) +
                        (0.020094 - 0.000100 * t) * SinDegrees(2 * anomaly) +
                        0.000293 * SinDegrees(3 * anomaly);
  // Venus (two terms), Jupiter, the Moon, and one of long period.
  const double perturbation = 0.00134 * CosDegrees(153.23 + 22518.7541 * t) +
                              0.00154 * CosDegrees(216.57 + 45037.5082 * t) +
                              0.00200 * CosDegrees(312.69 + 32964.3577 * t) +
                              0.00179 * SinDegrees(350.74 + (445267.1142 - 0.00144 * t) * t) +
                              0.00178 * SinDegrees(231.19 + 20.20 * t);
  // Chapter 15: nutation, its two largest terms.
  const double node = 259.183275 - (1934.142008 - 0.002078 * t) * t;
  const double nutation = -0.004789 * SinDegrees(node) - 0.000353 * SinDegrees(2 * mean_longitude);
  const double obliquity =
      (23.452294 - (0.0130125 + (0.00000164 - 0.000000503 * t) * t) * t +
       0.002558 * CosDegrees(node) + 0.000153 * CosDegrees(2 * mean_longitude)) *
      kDegree;

  SunPlace place;
  place.distance_au = 1.0000002 * (1 - eccentricity * eccentricity) /
                      (1 + eccentricity * CosDegrees(anomaly + centre));
  const double aberration = -0.00569;
  const double longitude =
      (mean_longitude + centre + perturbation + aberration + nutation) * kDegree;
  const double sin_longitude = std::sin(longitude), cos_longitude = std::cos(longitude);
  place.right_ascension = std::atan2(std::cos(obliquity) * sin_longitude, cos_longitude);
  place.declination = std::asin(std::sin(obliquity) * sin_longitude);
  const double longitude_per_day = kTurn / 365.2422 / (place.distance_au * place.distance_au);
  place.declination_per_day =
      std::sin(obliquity) * cos_longitude * longitude_per_day / std::cos(place.declination);

  // Chapter 7, with the constants of 1982; days and centuries since 2000 of Universal Time.
  const double days = time / kSecondsPerDay;
  const double centuries = days / kDaysPerCentury;
  place.sidereal_time =
      (280.46061837 + 360.98564736629 * days + 0.000387933 * centuries * centuries) * kDegree +
      nutation * kDegree * std::cos(obliquity);
  return place;
}

double SunAltitude(const SunPlace& place, double latitude, double longitude) {
  const double hour_angle = place.sidereal_time + longitude - place.right_ascension;
  const double sine = std::sin(latitude) * std::sin(place.declination) +
                      std::cos(latitude) * std::cos(place.declination) * std::cos(hour_angle);
  const double altitude = std::asin(std::clamp(sine, -1.0, 1.0));
  return altitude / kDegree - kParallaxDegrees / place.distance_au * std::cos(altitude);
}

double SunRadius(const SunPlace& place) { return kRadiusDegrees / place.distance_au; }

SunTime SunTransit(long half_day, double longitude) {
  const double mean = half_day * kHalfDay - longitude / kTurn * kSecondsPerDay;
  const double wanted = half_day % 2 == 0 ? 0 : kPi;
  SunTime time = mean;
  // The true sun is up to 17 minutes from the mean one and drifts by at most 30 s a day, so each
  // round leaves 1/2000 of the error.
  for (int round = 0; round < 4; ++round) {
    const SunPlace place = SunPlaceAt(time);
    const double ahead = place.sidereal_time + longitude - place.right_ascension - wanted;
    time -= std::remainder(ahead, kTurn) / kTurn * kSecondsPerDay;
  }
  return time;
}

SunTime SunCulmination(long half_day, double latitude, double longitude) {
  const SunTime transit = SunTransit(half_day, longitude);
  const SunPlace place = SunPlaceAt(transit);
  // Where the altitude's two motions, by hour angle and by declination, cancel out.
  const double ratio = place.declination_per_day / kTurn;
  const double upper = half_day % 2 == 0 ? 1 : -1;
  const double sine = ratio * (std::tan(latitude) - upper * std::tan(place.declination));
  const double offset = std::asin(std::clamp(sine, -std::sqrt(0.5), std::sqrt(0.5)));
  return transit + upper * offset / kTurn * kSecondsPerDay;
}

}  // namespace z4j::scheduler
