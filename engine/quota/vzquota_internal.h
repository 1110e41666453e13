/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the back end vzquota share. */
#pragma once

#include "engine/quota/quota.h"
#include "engine/quota/vzquota_file.h"

#define VZR_VZQUOTA_FILE_MAX (128u << 20)

/** The ABI of the vzquota that will read the file. */
enum vzr_vzquota_abi vzr_vzquota_abi_of(const struct vzr_quota_job *job);

/** Path of the container's quota file; owned by the caller. NULL when out of memory. */
char *vzr_vzquota_path(const struct vzr_quota_job *job);

/** vzquota_read.c: the read_back() of struct vzr_quota_ops. */
VZR_MUST_CHECK int vzr_vzquota_read_back(const struct vzr_quota_job *job,
					 const struct vzr_kv *conf,
					 struct vzr_quota_state *ret_state, struct vzr_error *err);
