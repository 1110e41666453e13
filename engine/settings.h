/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Settings as the engine uses them. */
#pragma once

#include "engine/base/error.h"

/** Descriptor of the directory that every configured path is resolved in. Lent. */
int vzr_settings_root_fd(const struct vzr_settings *settings);

/** Path of that directory: "/" or what --root named. Lent. */
const char *vzr_settings_root(const struct vzr_settings *settings);

/** Value of @key, which must be a key of the table; "" if it has none. Lent. */
const char *vzr_setting(const struct vzr_settings *settings, const char *key);

/** Value of a NUMBER key; 0 if it has none. */
uint64_t vzr_setting_number(const struct vzr_settings *settings, const char *key);

/** Opens (and makes, with @mode) the directory that @key names. */
VZR_MUST_CHECK int vzr_setting_mkdir(const struct vzr_settings *settings, const char *key,
				     mode_t mode, struct vzr_error *err);
