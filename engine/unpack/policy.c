/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The policy of policy.h as tables. */
#include "engine/unpack/policy.h"

#include "engine/base/cleanup.h"
#include "engine/unpack/text.h"

#include <string.h>

#define SHOWN_EACH 16 /* members reported one by one, of each kind */

static const struct {
	uint64_t major, minor;
} safe_devices[] = {
	{1, 3}, /* null */
	{1, 5}, /* zero */
	{1, 7}, /* full */
	{1, 8}, /* random */
	{1, 9}, /* urandom */
	{5, 0}, /* tty */
	{5, 1}, /* console */
	{5, 2}, /* ptmx */
};

/* First match counts. */
static const struct {
	const char *prefix;
	enum vzr_policy_reason reason;
} xattrs[] = {
	{"user.overlay.", VZR_LEFT_OVERLAY},
	{"trusted.overlay.", VZR_LEFT_OVERLAY},
	{"trusted.", VZR_LEFT_TRUSTED},
	{"user.", VZR_LEFT_NOTHING},
	{"security.capability", VZR_LEFT_NOTHING},
	{"security.selinux", VZR_LEFT_LSM},
	{"security.SMACK64", VZR_LEFT_LSM},
	{"security.apparmor", VZR_LEFT_LSM},
	{"security.", VZR_LEFT_SECURITY},
	{"system.", VZR_LEFT_SYSTEM},
};

static const struct {
	const char *what;
	const char *why;
} texts[VZR_LEFT_COUNT] = {
	[VZR_LEFT_CHAR_DEVICE] = {"device", "only null, zero, full, random, urandom, tty, console "
					    "and ptmx are made"},
	[VZR_LEFT_BLOCK_DEVICE] = {"block device", "a container gets none from an archive"},
	[VZR_LEFT_SOCKET] = {"socket", "its server makes it anew"},
	[VZR_LEFT_TRUSTED] = {"trusted.* attribute", "it has a meaning for the host only"},
	[VZR_LEFT_OVERLAY] = {"overlay attribute", "it would change what an overlay shows"},
	[VZR_LEFT_LSM] = {"security label", "labels are the host's to give"},
	[VZR_LEFT_SECURITY] = {"security.* attribute", "only security.capability is kept"},
	[VZR_LEFT_SYSTEM] = {"system.* attribute", "only POSIX ACLs are kept"},
	[VZR_LEFT_OTHER_XATTR] = {"attribute", "its name space is not known"},
	[VZR_LEFT_NOT_A_FILE] = {"attribute", "only files and directories get attributes"},
	[VZR_LEFT_ACL_NAME] = {"ACL", "it names an owner without a number; tar --xattrs "
				      "--xattrs-include='*' stores numbers"},
	[VZR_LEFT_NFS4_ACL] = {"NFSv4 ACL", "file systems of containers have POSIX ACLs"},
	[VZR_LEFT_TIME] = {"modification time", "the file system cannot hold it"},
};

enum vzr_policy_reason vzr_policy_member(enum vzr_member_type type, uint64_t major, uint64_t minor)
{
	if (type == VZR_MEMBER_BLOCK)
		return VZR_LEFT_BLOCK_DEVICE;
	if (type == VZR_MEMBER_SOCKET)
		return VZR_LEFT_SOCKET;
	if (type != VZR_MEMBER_CHAR)
		return VZR_LEFT_NOTHING;
	for (size_t i = 0; i < VZR_COUNT(safe_devices); i++)
		if (safe_devices[i].major == major && safe_devices[i].minor == minor)
			return VZR_LEFT_NOTHING;
	return VZR_LEFT_CHAR_DEVICE;
}

enum vzr_policy_reason vzr_policy_xattr(const char *name, enum vzr_member_type type)
{
	enum vzr_policy_reason reason = VZR_LEFT_OTHER_XATTR;

	for (size_t i = 0; i < VZR_COUNT(xattrs); i++)
		if (strncmp(name, xattrs[i].prefix, strlen(xattrs[i].prefix)) == 0) {
			reason = xattrs[i].reason;
			break;
		}
	if (reason == VZR_LEFT_NOTHING && strncmp(name, "security.", 9) == 0) {
		if (strcmp(name, "security.capability") != 0)
			return VZR_LEFT_SECURITY;
		return type == VZR_MEMBER_FILE ? VZR_LEFT_NOTHING : VZR_LEFT_NOT_A_FILE;
	}
	if (reason == VZR_LEFT_NOTHING && type != VZR_MEMBER_FILE && type != VZR_MEMBER_DIR)
		return VZR_LEFT_NOT_A_FILE;
	return reason;
}

static bool is_member(enum vzr_policy_reason reason)
{
	return reason == VZR_LEFT_CHAR_DEVICE || reason == VZR_LEFT_BLOCK_DEVICE ||
	       reason == VZR_LEFT_SOCKET;
}

void vzr_left_out_add_at(struct vzr_left_out *left_out, enum vzr_policy_reason reason,
			 const char *path, uint64_t at)
{
	left_out->total++;
	if (left_out->count[reason]++ > 0 && left_out->first_at[reason] <= at)
		return;
	left_out->first_at[reason] = at;
	vzr_brief(path, left_out->first[reason]);
}

void vzr_left_out_add(struct vzr_left_out *left_out, enum vzr_policy_reason reason,
		      const char *path, const char *detail)
{
	char name[VZR_BRIEF];

	vzr_left_out_add_at(left_out, reason, path, left_out->member);
	if (is_member(reason) && left_out->count[reason] <= SHOWN_EACH)
		vzr_warn(left_out->ctx, "left out %s '%s'%s: %s", texts[reason].what,
			 vzr_brief(path, name), detail, texts[reason].why);
}

void vzr_left_out_report(const struct vzr_left_out *left_out)
{
	for (size_t i = 1; i < VZR_LEFT_COUNT; i++) {
		unsigned long long count = left_out->count[i];

		if (is_member((enum vzr_policy_reason)i) && count > SHOWN_EACH)
			vzr_warn(left_out->ctx, "left out %llu more of kind '%s'",
				 count - SHOWN_EACH, texts[i].what);
		else if (!is_member((enum vzr_policy_reason)i) && count == 1)
			vzr_warn(left_out->ctx, "left out the %s of '%s': %s", texts[i].what,
				 left_out->first[i], texts[i].why);
		else if (!is_member((enum vzr_policy_reason)i) && count > 1)
			vzr_warn(left_out->ctx, "left out the %s of '%s' and %llu more: %s",
				 texts[i].what, left_out->first[i], count - 1, texts[i].why);
	}
}
