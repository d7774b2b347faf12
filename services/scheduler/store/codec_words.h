#ifndef Z4J_SCHEDULER_STORE_CODEC_WORDS_H_
#define Z4J_SCHEDULER_STORE_CODEC_WORDS_H_

#include "services/scheduler/core/schedule.h"

// codec.cc's own: the word that stands for each value of an enum, and for each kind of spec.  Words
// are stored; never change or reuse one.
namespace z4j::scheduler::codec {

template <typename E>
struct Word {
  E value;
  const char* text;
};
inline constexpr Word<GapPolicy> kGapWords[] = {{GapPolicy::kNextValid, "next_valid"},
                                                {GapPolicy::kShift, "shift"},
                                                {GapPolicy::kSkip, "skip"}};
inline constexpr Word<FoldPolicy> kFoldWords[] = {{FoldPolicy::kAuto, "auto"},
                                                  {FoldPolicy::kFirst, "first"},
                                                  {FoldPolicy::kSecond, "second"},
                                                  {FoldPolicy::kBoth, "both"}};
inline constexpr Word<DayMatch> kDayMatchWords[] = {{DayMatch::kOr, "or"}, {DayMatch::kAnd, "and"}};
inline constexpr Word<Arithmetic> kArithmeticWords[] = {{Arithmetic::kAbsolute, "absolute"},
                                                        {Arithmetic::kWall, "wall"}};
inline constexpr Word<SolarEvent> kSolarWords[] = {
    {SolarEvent::kDawnAstronomical, "dawn_astronomical"},
    {SolarEvent::kDawnNautical, "dawn_nautical"},
    {SolarEvent::kDawnCivil, "dawn_civil"},
    {SolarEvent::kSunrise, "sunrise"},
    {SolarEvent::kSolarNoon, "solar_noon"},
    {SolarEvent::kSunset, "sunset"},
    {SolarEvent::kDuskCivil, "dusk_civil"},
    {SolarEvent::kDuskNautical, "dusk_nautical"},
    {SolarEvent::kDuskAstronomical, "dusk_astronomical"},
    {SolarEvent::kSolarMidnight, "solar_midnight"}};
inline constexpr Word<CatchUp> kCatchUpWords[] = {
    {CatchUp::kSkip, "skip"}, {CatchUp::kFireOne, "fire_one"}, {CatchUp::kFireAll, "fire_all"}};
inline constexpr Word<Overlap> kOverlapWords[] = {
    {Overlap::kAllow, "allow"}, {Overlap::kSkip, "skip"}, {Overlap::kBufferOne, "buffer_one"}};
inline constexpr Word<JitterMode> kJitterWords[] = {{JitterMode::kRandom, "random"},
                                                    {JitterMode::kHash, "hash"}};
inline constexpr Word<RunEnd> kRunEndWords[] = {{RunEnd::kFailed, "failed"},
                                                {RunEnd::kExpiredInQueue, "expired_in_queue"}};
inline constexpr Word<OnLost> kOnLostWords[] = {
    {OnLost::kHold, "hold"}, {OnLost::kRetry, "retry"}, {OnLost::kFail, "fail"}};
inline constexpr Word<ScheduleState> kStateWords[] = {{ScheduleState::kEnabled, "enabled"},
                                                      {ScheduleState::kPaused, "paused"},
                                                      {ScheduleState::kFinished, "finished"},
                                                      {ScheduleState::kQuarantined, "quarantined"},
                                                      {ScheduleState::kShadow, "shadow"}};

// A time without an end.
inline constexpr char kInfinitePast[] = "infinite_past";
inline constexpr char kInfiniteFuture[] = "infinite_future";

inline const char* KindWord(const CronSpec&) { return "cron"; }
inline const char* KindWord(const IntervalSpec&) { return "interval"; }
inline const char* KindWord(const OneShotSpec&) { return "one_shot"; }
inline const char* KindWord(const SolarSpec&) { return "solar"; }
inline const char* KindWord(const CalendarIntervalSpec&) { return "calendar_interval"; }

inline const auto& WordsOf(GapPolicy) { return kGapWords; }
inline const auto& WordsOf(FoldPolicy) { return kFoldWords; }
inline const auto& WordsOf(DayMatch) { return kDayMatchWords; }
inline const auto& WordsOf(Arithmetic) { return kArithmeticWords; }
inline const auto& WordsOf(SolarEvent) { return kSolarWords; }
inline const auto& WordsOf(CatchUp) { return kCatchUpWords; }
inline const auto& WordsOf(Overlap) { return kOverlapWords; }
inline const auto& WordsOf(JitterMode) { return kJitterWords; }
inline const auto& WordsOf(RunEnd) { return kRunEndWords; }
inline const auto& WordsOf(OnLost) { return kOnLostWords; }
inline const auto& WordsOf(ScheduleState) { return kStateWords; }

}  // namespace z4j::scheduler::codec

#endif  // Z4J_SCHEDULER_STORE_CODEC_WORDS_H_
