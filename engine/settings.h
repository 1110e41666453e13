/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Settings as the engine uses them. */
#pragma once

#include "engine/base/buf.h"

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

/**
 * Reads @path (in the root; at most buf->max bytes) if nobody but root, or who we run as, can have
 * written it: what it says is acted upon as root. 1 if it does not exist, -VZR_E_CONFIG with the
 * commands that mend it if others can write it.
 */
VZR_MUST_CHECK int vzr_settings_read_trusted(const struct vzr_settings *settings, const char *path,
					     struct vzr_buf *buf, struct vzr_error *err);
