// Skips over long runs of good bytes, 16 at a time where SSE2 is there (every x86-64), else one by one. Never
// reads outside of [at, end). Each returns the first byte that is not of the run, or `end`. For codec/ only.
#pragma once

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <bit>
#include <cstdint>

#include "codec/chars.h"

namespace tl::codec {

[[nodiscard]] inline const char* skip_class(CharClass run, const char* at, const char* end) {
    while (at != end && is(run, *at)) ++at;
    return at;
}

#if defined(__SSE2__)

[[nodiscard]] inline __m128i load16(const char* at) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at)); }
[[nodiscard]] inline unsigned mask_of(__m128i lanes) { return static_cast<unsigned>(_mm_movemask_epi8(lanes)); }

// The run of bytes that a field value may hold (kValueChar).
[[nodiscard]] inline const char* skip_value(const char* at, const char* end) {
    const __m128i last_control = _mm_set1_epi8(0x1f);
    const __m128i tab = _mm_set1_epi8('\t');
    const __m128i del = _mm_set1_epi8(0x7f);
    for (; end - at >= 16; at += 16) {
        const __m128i bytes = load16(at);
        // Unsigned "<=" is "the smaller of both is itself": SSE2 compares signed bytes only.
        const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, last_control), bytes);
        const __m128i stop =
            _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(bytes, tab), control), _mm_cmpeq_epi8(bytes, del));
        if (const unsigned found = mask_of(stop); found != 0) return at + std::countr_zero(found);
    }
    return skip_class(kValueChar, at, end);
}

// The run of bytes that a request target may hold (kTargetChar).
[[nodiscard]] inline const char* skip_target(const char* at, const char* end) {
    const __m128i first_visible = _mm_set1_epi8(0x21);
    const __m128i del = _mm_set1_epi8(0x7f);
    const __m128i hash = _mm_set1_epi8('#');
    for (; end - at >= 16; at += 16) {
        const __m128i bytes = load16(at);
        // As signed bytes everything from 0x80 up is negative, so one comparison finds controls, space and
        // those.
        const __m128i stop = _mm_or_si128(_mm_cmplt_epi8(bytes, first_visible),
                                          _mm_or_si128(_mm_cmpeq_epi8(bytes, del), _mm_cmpeq_epi8(bytes, hash)));
        if (const unsigned found = mask_of(stop); found != 0) return at + std::countr_zero(found);
    }
    return skip_class(kTargetChar, at, end);
}

// The first colon within the next 16 bytes, or nullptr: a guess at where a name ends, to be verified.
[[nodiscard]] inline const char* near_colon(const char* at, const char* end) {
    if (end - at < 16) return nullptr;
    const unsigned found = mask_of(_mm_cmpeq_epi8(load16(at), _mm_set1_epi8(':')));
    return found == 0 ? nullptr : at + std::countr_zero(found);
}

#else

[[nodiscard]] inline const char* skip_value(const char* at, const char* end) { return skip_class(kValueChar, at, end); }
[[nodiscard]] inline const char* skip_target(const char* at, const char* end) {
    return skip_class(kTargetChar, at, end);
}
[[nodiscard]] inline const char* near_colon(const char*, const char*) { return nullptr; }

#endif

}  // namespace tl::codec
