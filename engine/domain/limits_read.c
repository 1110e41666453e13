/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Quotas in all their forms: libvirt's, those of 2007 and 2008, and our metadata. */
#include "engine/domain/internal.h"

#include "engine/base/cleanup.h"

#include <string.h>

#define UNITLESS_TRAP (16u * 1024 * 1024) /* bytes: a plain number below is probably KiB */

/* ---- libvirt's form: <space_hard_limit unit='GiB'>50</space_hard_limit> ---- */

static int warn_unitless(struct vzr_load *load, const xmlNode *node, const char *text,
			 uint64_t bytes)
{
	if (bytes >= UNITLESS_TRAP)
		return 0;
	return vzr_node_warn(load, node,
			     "%.40s without a unit means bytes, which is very little; if KiB are "
			     "meant, write unit='KiB'",
			     text);
}

static int read_space(struct vzr_load *load, const xmlNode *node, const struct vzr_limit_sink *sink)
{
	static const char *const allowed[] = { "unit", NULL };
	bool hard = vzr_node_is(node, "space_hard_limit");
	struct vzr_scaled scaled = { .what = hard ? "space_hard_limit" : "space_soft_limit",
				     .fallback = 1 };
	uint64_t bytes;
	int r;

	if (vzr_node_attr(load, node, "units"))
		return vzr_node_fail(load, node,
				     "attribute 'units' is not known here: it is called 'unit'");
	r = vzr_node_only_attrs(load, node, allowed);
	if (r == 0)
		r = vzr_node_text(load, node, &scaled.text);
	if (r < 0)
		return r;
	scaled.unit = vzr_node_attr(load, node, "unit");
	r = vzr_node_scaled(load, node, &scaled, &bytes);
	if (r == 0)
		r = vzr_slot_set(load, sink->vm, hard ? VZR_SLOT_BLOCK_HARD : VZR_SLOT_BLOCK_SOFT,
				 bytes, node);
	if (r == 0 && !(scaled.unit && *scaled.unit))
		r = warn_unitless(load, node, scaled.text, bytes);
	return r;
}

/* ---- 2008: <quota type='size' max='KiB'/>, <quota type='inodes' max='COUNT'/> ---- */

static int set_both(struct vzr_load *load, struct vzr_slots *slots, enum vzr_slot_kind soft,
		    uint64_t value, const xmlNode *node)
{
	enum vzr_slot_kind hard =
		soft == VZR_SLOT_BLOCK_SOFT ? VZR_SLOT_BLOCK_HARD : VZR_SLOT_INODE_HARD;
	int r = vzr_slot_set(load, slots, hard, value, node);

	return r < 0 ? r : vzr_slot_set(load, slots, soft, value, node);
}

static int read_typed_quota(struct vzr_load *load, const xmlNode *node,
			    const struct vzr_limit_sink *sink)
{
	static const char *const allowed[] = { "type", "max", NULL };
	const char *type = vzr_node_attr(load, node, "type");
	struct vzr_scaled scaled = { .what = "max", .unit = "KiB" };
	uint64_t value;
	int r = vzr_node_only_attrs(load, node, allowed);

	if (r == 0)
		r = vzr_node_empty(load, node);
	if (r < 0)
		return r;
	scaled.text = vzr_node_attr(load, node, "max");
	if (!scaled.text)
		return vzr_node_fail(load, node, "attribute 'max' is missing");
	if (!strcmp(type, "size")) {
		r = vzr_node_scaled(load, node, &scaled, &value);
		return r < 0 ? r : set_both(load, sink->vm, VZR_SLOT_BLOCK_SOFT, value, node);
	}
	if (strcmp(type, "inodes") != 0)
		return vzr_node_fail(load, node, "quota type '%.40s' is not known (size, inodes)",
				     type);
	r = vzr_node_number(load, node, "max", scaled.text, UINT64_MAX - 1, &value);
	return r < 0 ? r : set_both(load, sink->vm, VZR_SLOT_INODE_SOFT, value, node);
}

/* ---- 2007: <quota level='vm'>KiB</quota>, level='user' username=, level='group' groupname= ----
 */

struct level {
	const char *name;
	const char *owner_attr; /* NULL: limits the VM */
	const char *allowed[3];
};

static const struct level levels[] = {
	{ "vm", NULL, { "level", NULL } },
	{ "user", "username", { "level", "username", NULL } },
	{ "group", "groupname", { "level", "groupname", NULL } },
};

static int read_level_quota(struct vzr_load *load, const xmlNode *node,
			    const struct vzr_limit_sink *sink, const struct level *level)
{
	struct vzr_scaled scaled = { .what = "quota", .unit = "KiB" };
	struct vzr_slots slots = { 0 };
	struct vzr_limits limits;
	const char *owner = NULL;
	uint64_t bytes;
	int r = vzr_node_only_attrs(load, node, level->allowed);

	if (r == 0 && level->owner_attr) {
		owner = vzr_node_attr(load, node, level->owner_attr);
		if (!owner)
			return vzr_node_fail(load, node,
					     "a quota of level '%s' needs the attribute '%s'",
					     level->name, level->owner_attr);
	}
	if (r == 0)
		r = vzr_node_text(load, node, &scaled.text);
	if (r == 0)
		r = vzr_node_scaled(load, node, &scaled, &bytes);
	if (r == 0)
		r = set_both(load, owner ? &slots : sink->vm, VZR_SLOT_BLOCK_SOFT, bytes, node);
	if (r < 0 || !owner)
		return r;
	r = vzr_slots_finish(load, &slots, &limits);
	if (r < 0)
		return r;
	return vzr_owner_add(load, strcmp(level->name, "user") ? sink->groups : sink->users, owner,
			     &limits, node);
}

static int read_quota(struct vzr_load *load, const xmlNode *node, const struct vzr_limit_sink *sink)
{
	const char *level = vzr_node_attr(load, node, "level");
	const char *type = vzr_node_attr(load, node, "type");

	if (level && type)
		return vzr_node_fail(load, node, "a quota has a 'level' or a 'type', not both");
	if (type)
		return read_typed_quota(load, node, sink);
	if (!level)
		return vzr_node_fail(load, node,
				     "a quota needs level='vm', 'user' or 'group', or "
				     "type='size' or 'inodes'");
	for (size_t i = 0; i < VZR_COUNT(levels); i++)
		if (!strcmp(level, levels[i].name))
			return read_level_quota(load, node, sink, &levels[i]);
	return vzr_node_fail(load, node, "quota level '%.40s' is not known (vm, user, group)",
			     level);
}

bool vzr_is_limit(const xmlNode *node)
{
	return vzr_node_is(node, "space_hard_limit") || vzr_node_is(node, "space_soft_limit") ||
	       vzr_node_is(node, "quota") || vzr_node_is(node, "quote");
}

int vzr_limit_read(struct vzr_load *load, const xmlNode *node, const struct vzr_limit_sink *sink)
{
	int r;

	if (vzr_node_is(node, "space_hard_limit") || vzr_node_is(node, "space_soft_limit"))
		return read_space(load, node, sink);
	if (vzr_node_is(node, "quote")) {
		r = vzr_node_warn(load, node,
				  "<quote> is read as a misspelt <quota>; write <quota>");
		if (r < 0)
			return r;
	}
	return read_quota(load, node, sink);
}

/* ---- our metadata: <v:limits> ---- */

static bool is_ours(const xmlNode *node, const char *name)
{
	return vzr_node_is_ours(node) && !strcmp(vzr_node_name(node), name);
}

/* <v:blocks soft= hard= unit=/> or <v:inodes soft= hard=/>. */
static int read_pair(struct vzr_load *load, const xmlNode *node, struct vzr_slots *slots)
{
	static const char *const with_unit[] = { "soft", "hard", "unit", NULL };
	static const char *const without_unit[] = { "soft", "hard", NULL };
	static const char *const attrs[] = { "hard", "soft" };
	bool blocks = is_ours(node, "blocks");
	enum vzr_slot_kind soft = blocks ? VZR_SLOT_BLOCK_SOFT : VZR_SLOT_INODE_SOFT;
	struct vzr_scaled scaled = { .unit = vzr_node_attr(load, node, "unit"), .fallback = 1 };
	bool any = false;
	int r = vzr_node_only_attrs(load, node, blocks ? with_unit : without_unit);

	if (r == 0)
		r = vzr_node_empty(load, node);
	for (size_t i = 0; r == 0 && i < VZR_COUNT(attrs); i++) {
		enum vzr_slot_kind kind = i == 0 ? soft + 1 : soft;
		uint64_t value = 0;

		scaled.what = attrs[i];
		scaled.text = vzr_node_attr(load, node, attrs[i]);
		if (!scaled.text)
			continue;
		any = true;
		r = blocks ? vzr_node_scaled(load, node, &scaled, &value)
			   : vzr_node_number(load, node, attrs[i], scaled.text, UINT64_MAX - 1,
					     &value);
		if (r == 0)
			r = vzr_slot_set(load, slots, kind, value, node);
		if (r == 0 && blocks && !(scaled.unit && *scaled.unit))
			r = warn_unitless(load, node, scaled.text, value);
	}
	if (r == 0 && !any)
		return vzr_node_fail(load, node, "neither 'soft' nor 'hard' is given");
	return r;
}

/* The content of <v:vm>, <v:user> and <v:group>. */
static int read_pairs(struct vzr_load *load, const xmlNode *node, struct vzr_slots *slots)
{
	int r = vzr_node_no_text(load, node);

	for (const xmlNode *n = vzr_node_first(node); r == 0 && n; n = vzr_node_next(n)) {
		if (!is_ours(n, "blocks") && !is_ours(n, "inodes"))
			return vzr_node_fail(load, n,
					     "<%.40s> is not known here (blocks, inodes "
					     "of " VZR_XML_NAMESPACE ")",
					     vzr_node_name(n));
		r = read_pair(load, n, slots);
	}
	return r;
}

static int read_vm(struct vzr_load *load, const xmlNode *node)
{
	static const char *const allowed[] = { "grace", NULL };
	const char *grace = vzr_node_attr(load, node, "grace");
	uint64_t seconds;
	int r = vzr_node_only_attrs(load, node, allowed);

	if (r == 0 && !grace && !vzr_node_first(node))
		return vzr_node_fail(load, node, "the element sets no limit");
	if (r == 0 && grace) {
		r = vzr_node_number(load, node, "grace", grace, UINT32_MAX, &seconds);
		if (r == 0)
			r = vzr_slot_set(load, &load->vm, VZR_SLOT_GRACE, seconds, node);
	}
	return r < 0 ? r : read_pairs(load, node, &load->vm);
}

static int read_owner(struct vzr_load *load, const xmlNode *node, struct vzr_owners *owners)
{
	static const char *const allowed[] = { "name", NULL };
	const char *name = vzr_node_attr(load, node, "name");
	struct vzr_slots slots = { 0 };
	struct vzr_limits limits;
	int r = vzr_node_only_attrs(load, node, allowed);

	if (r < 0)
		return r;
	if (!name)
		return vzr_node_fail(load, node, "attribute 'name' is missing");
	if (!vzr_node_first(node))
		return vzr_node_fail(load, node, "the element sets no limit");
	r = read_pairs(load, node, &slots);
	if (r == 0)
		r = vzr_slots_finish(load, &slots, &limits);
	return r < 0 ? r : vzr_owner_add(load, owners, name, &limits, node);
}

int vzr_limits_metadata(struct vzr_load *load, const xmlNode *node)
{
	static const char *const allowed[] = { NULL };
	int r = vzr_node_only_attrs(load, node, allowed);

	if (r == 0)
		r = vzr_node_no_text(load, node);
	for (const xmlNode *n = vzr_node_first(node); r == 0 && n; n = vzr_node_next(n)) {
		if (is_ours(n, "vm"))
			r = read_vm(load, n);
		else if (is_ours(n, "user"))
			r = read_owner(load, n, &load->users);
		else if (is_ours(n, "group"))
			r = read_owner(load, n, &load->groups);
		else
			r = vzr_node_fail(load, n,
					  "<%.40s> is not known here (vm, user, group "
					  "of " VZR_XML_NAMESPACE ")",
					  vzr_node_name(n));
	}
	return r;
}
