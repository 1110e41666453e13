/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names of members in messages. */
#pragma once

#define VZR_BRIEF 112

/** @name, or its begin and end with "..." between: a sentence around a long name keeps its end. */
const char *vzr_brief(const char *name, char out[VZR_BRIEF]);
