/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of quota back ends, and the comparison of what was asked with what holds. */
#include "engine/quota/quota.h"

#include "backends.h"
#include "engine/base/cleanup.h"
#include "engine/limits.h"

#include <inttypes.h>
#include <string.h>

#define QUOTA_DECLARE(name) extern const struct vzr_quota_ops vzr_quota_##name;
VZR_QUOTA_BACKENDS(QUOTA_DECLARE)
#undef QUOTA_DECLARE

static const struct vzr_quota_ops *const backends[] = {
#define QUOTA_ENTRY(name) &vzr_quota_##name,
	VZR_QUOTA_BACKENDS(QUOTA_ENTRY)
#undef QUOTA_ENTRY
	NULL,
};

const struct vzr_quota_ops *vzr_quota_get(size_t index)
{
	return index < VZR_COUNT(backends) ? backends[index] : NULL;
}

const struct vzr_quota_ops *vzr_quota_find(const char *name)
{
	for (size_t i = 0; backends[i]; i++)
		if (strcmp(backends[i]->name, name) == 0)
			return backends[i];
	return NULL;
}

static bool owners_asked(const struct vzr_owner_limits *owners, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (vzr_limits_any(&owners[i].limits))
			return true;
	return false;
}

bool vzr_quota_asked(const struct vzr_quota_job *job)
{
	return vzr_limits_any(job->vm) || owners_asked(job->users, job->n_users) ||
	       owners_asked(job->groups, job->n_groups);
}

void vzr_quota_state_done(struct vzr_quota_state *state)
{
	vzr_owners_free(state->users, state->n_users);
	vzr_owners_free(state->groups, state->n_groups);
	*state = (struct vzr_quota_state){ .vm = VZR_LIMITS_NONE };
}

static const char *number_text(uint64_t value, char out[24])
{
	if (value == VZR_NO_LIMIT)
		return "none";
	snprintf(out, 24, "%" PRIu64, value);
	return out;
}

static int compare_limits(const char *whose, const struct vzr_limits *asked,
			  const struct vzr_limits *holds, struct vzr_error *err)
{
	const struct {
		const char *what;
		uint64_t asked, holds;
	} pairs[] = {
		{ "hard block limit (KiB)", asked->block_hard_kib, holds->block_hard_kib },
		{ "soft block limit (KiB)", asked->block_soft_kib, holds->block_soft_kib },
		{ "hard inode limit", asked->inode_hard, holds->inode_hard },
		{ "soft inode limit", asked->inode_soft, holds->inode_soft },
		{ "grace time (s)", asked->grace_s, holds->grace_s },
	};
	char a[24], b[24];

	for (size_t i = 0; i < VZR_COUNT(pairs); i++)
		if (pairs[i].asked != VZR_NO_LIMIT && pairs[i].asked != pairs[i].holds)
			return vzr_fail(err, -VZR_E_QUOTA_UNSUPPORTED,
					"the %s of %s is %s where %s was asked for", pairs[i].what,
					whose, number_text(pairs[i].holds, a),
					number_text(pairs[i].asked, b));
	return 0;
}

static int compare_owners(const char *kind, const struct vzr_owner_limits *asked, size_t n_asked,
			  const struct vzr_owner_limits *holds, size_t n_holds,
			  struct vzr_error *err)
{
	static const struct vzr_limits nothing = VZR_LIMITS_NONE;

	for (size_t i = 0; i < n_asked; i++) {
		const struct vzr_limits *found = &nothing;
		char whose[VZR_QUOTA_REASON];
		int r;

		snprintf(whose, sizeof(whose), "%s %s", kind, asked[i].name);
		if (!asked[i].resolved)
			return vzr_fail(err, -VZR_E_QUOTA_UNSUPPORTED, "the id of %s is not known",
					whose);
		for (size_t j = 0; j < n_holds; j++)
			if (holds[j].id == asked[i].id)
				found = &holds[j].limits;
		r = compare_limits(whose, &asked[i].limits, found, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int vzr_quota_compare(const struct vzr_quota_job *job, const struct vzr_quota_state *state,
		      struct vzr_error *err)
{
	int r = compare_limits("the VM", job->vm, &state->vm, err);

	if (r == 0)
		r = compare_owners("user", job->users, job->n_users, state->users, state->n_users,
				   err);
	if (r == 0)
		r = compare_owners("group", job->groups, job->n_groups, state->groups,
				   state->n_groups, err);
	return r;
}
