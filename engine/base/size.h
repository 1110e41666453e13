/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers and sizes in text: strict readers with overflow checks. */
#pragma once

#include "engine/base/error.h"

/**
 * Reads a decimal number: digits only, no sign, no blanks, at most @max. Leading zeros are fine.
 * -VZR_E_INPUT (not such a number) or -ERANGE (above @max). Fills no message.
 */
VZR_MUST_CHECK int vzr_parse_uint(const char *text, uint64_t max, uint64_t *ret_value);

/**
 * Factor of a size suffix by libvirt's table (virScaleInteger): "" gives @fallback; b, byte,
 * bytes 1; k, KiB 1024; KB 1000; likewise M G T P E; any case. -VZR_E_INPUT if unknown.
 */
VZR_MUST_CHECK int vzr_unit_factor(const char *unit, uint64_t fallback, uint64_t *ret_factor);

/** @bytes in KiB, rounded up. */
uint64_t vzr_kib_up(uint64_t bytes);

#define VZR_SIZE_TEXT 32
/** "1.5 GiB" for people, from KiB. Returns @out. */
char *vzr_kib_text(uint64_t kib, char out[VZR_SIZE_TEXT]);
