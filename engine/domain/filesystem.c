/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Filesystems and templates in every form, and which of them is the root. */
#include "engine/domain/internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/path.h"
#include "engine/base/size.h"
#include "engine/limits.h"

#include <string.h>

#define FILESYSTEMS 256

/* One filesystem while the root is chosen. */
struct entry {
	struct vzr_filesystem fs;
	const xmlNode *node;
};

struct entries {
	struct entry *items;
	size_t count;
	size_t size;
};

static void entries_done(struct entries *entries)
{
	for (size_t i = 0; i < entries->count; i++) {
		free(entries->items[i].fs.source);
		free(entries->items[i].fs.target);
	}
	free(entries->items);
}

/* What <source> says for each type. */
struct kind {
	const char *name;
	enum vzr_root_type type;
	const char *attr;
};

static const struct kind kinds[] = {
	{ "mount", VZR_ROOT_MOUNT, "dir" },    { "template", VZR_ROOT_TEMPLATE, "name" },
	{ "file", VZR_ROOT_FILE, "file" },     { "block", VZR_ROOT_BLOCK, "dev" },
	{ "bind", VZR_ROOT_BIND, "dir" },      { "ram", VZR_ROOT_RAM, "usage" },
	{ "volume", VZR_ROOT_NONE, "volume" },
};

const char *vzr_root_type_name(enum vzr_root_type type)
{
	for (size_t i = 0; i < VZR_COUNT(kinds); i++)
		if (kinds[i].type == type && type != VZR_ROOT_NONE)
			return kinds[i].name;
	return "none";
}

int vzr_template_check(struct vzr_load *load, const xmlNode *node, const char *name, bool libvirt)
{
	static const char generic[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_+-";
	int r;

	if (strstr(name, ".."))
		return vzr_node_fail(load, node, "template name '%.80s' has a '..' in it", name);
	r = vzr_name_check("template name", name, load->err);
	if (r < 0)
		return vzr_node_wrap(load, node, r);
	if (libvirt && name[strspn(name, generic)])
		return vzr_node_warn(load, node,
				     "template name '%.80s' cannot pass libvirt's schema "
				     "(only letters, digits, '_', '+', '-'); it is used as it is",
				     name);
	return 0;
}

/* ---- one <filesystem> ---- */

static int check_type(struct vzr_load *load, const xmlNode *node, bool template,
		      const struct kind **ret_kind)
{
	const char *type = vzr_node_attr(load, node, "type");

	if (!type)
		type = template ? "template" : "mount";
	if (template && strcmp(type, "template") != 0)
		return vzr_node_fail(load, node,
				     "a filesystem of type '%.40s' cannot have a <template>; "
				     "type='template' can",
				     type);
	for (size_t i = 0; i < VZR_COUNT(kinds); i++)
		if (!strcmp(type, kinds[i].name)) {
			*ret_kind = &kinds[i];
			return 0;
		}
	return vzr_node_fail(load, node,
			     "filesystem type '%.40s' is not known (mount, template, file, block, "
			     "bind, ram, volume)",
			     type);
}

/* Unknown elements and attributes are refused here: a misspelt limit would be no limit. */
static int check_children(struct vzr_load *load, const xmlNode *node)
{
	static const char *const known[] = { "driver",	 "binary",   "source", "target",
					     "readonly", "template", "boot",   "alias",
					     "address",	 "acpi",     "idmap",  "virtio" };

	for (const xmlNode *n = vzr_node_first(node); n; n = vzr_node_next(n)) {
		bool found = vzr_is_limit(n);

		for (size_t i = 0; !found && i < VZR_COUNT(known); i++)
			found = vzr_node_is(n, known[i]);
		if (!found && !n->ns)
			return vzr_node_fail(load, n,
					     "<%.40s> is not known in a <filesystem>; space limits "
					     "are <space_hard_limit>, <space_soft_limit> and "
					     "<quota>",
					     vzr_node_name(n));
	}
	return 0;
}

static int check_attrs(struct vzr_load *load, const xmlNode *node)
{
	static const char *const known[] = { "type",  "accessmode", "model", "multidevs",
					     "fmode", "dmode",	    NULL };

	for (const xmlAttr *attr = node->properties; attr; attr = attr->next)
		if (!attr->ns)
			return vzr_node_only_attrs(load, node, known);
	return 0;
}

static int read_ram(struct vzr_load *load, const xmlNode *source, const char *usage,
		    struct vzr_filesystem *fs)
{
	struct vzr_scaled scaled = { .what = "usage", .text = usage, .fallback = 1024 };
	char text[24];
	uint64_t bytes;
	int r;

	scaled.unit = vzr_node_attr(load, source, "units");
	r = vzr_node_scaled(load, source, &scaled, &bytes);
	if (r < 0)
		return r;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)bytes);
	return vzr_text_set(&fs->source, text);
}

static int read_volume(struct vzr_load *load, const xmlNode *source, const char *volume,
		       struct vzr_filesystem *fs)
{
	const char *pool = vzr_node_attr(load, source, "pool");
	VZR_AUTO_FREE char *text = NULL;

	if (!pool)
		return vzr_node_fail(load, source, "attribute 'pool' is missing");
	text = vzr_path_join(pool, volume);
	if (!text)
		return -ENOMEM;
	fs->source = vzr_take_ptr(text);
	return vzr_node_warn(load, source,
			     "type 'volume' is libvirt's storage pool '%.60s', which is not read",
			     pool);
}

static int read_source(struct vzr_load *load, const xmlNode *node, const struct kind *kind,
		       struct vzr_filesystem *fs)
{
	const xmlNode *source;
	const char *value;
	int r = vzr_node_once(load, node, "source", &source);

	if (r < 0)
		return r;
	if (!source)
		return vzr_node_fail(load, node,
				     "a filesystem of type '%s' needs <source %s='...'/>",
				     kind->name, kind->attr);
	value = vzr_node_attr(load, source, kind->attr);
	if (!value && kind->type == VZR_ROOT_MOUNT)
		value = vzr_node_attr(load, source, "socket");
	if (!value || !*value)
		return vzr_node_fail(load, source,
				     "attribute '%s' is missing or empty, which a filesystem of "
				     "type '%s' needs",
				     kind->attr, kind->name);
	if (kind->type == VZR_ROOT_RAM)
		return read_ram(load, source, value, fs);
	if (kind->type == VZR_ROOT_NONE)
		return read_volume(load, source, value, fs);
	if (kind->type == VZR_ROOT_TEMPLATE)
		r = vzr_template_check(load, source, value, true);
	else if (load->container && (r = vzr_path_check("source", value, load->err)) < 0)
		r = vzr_node_wrap(load, source, r);
	return r < 0 ? r : vzr_text_set(&fs->source, value);
}

/* <template>NAME</template> of 2007. */
static int read_template(struct vzr_load *load, const xmlNode *template, struct vzr_filesystem *fs)
{
	const xmlNode *source;
	const char *name;
	int r = vzr_node_once(load, template->parent, "source", &source);

	if (r == 0 && source)
		return vzr_node_fail(load, template,
				     "the template is named twice: here and in <source> (line %u); "
				     "keep one",
				     vzr_node_line(load, source));
	if (r == 0)
		r = vzr_node_trimmed(load, template, &name);
	if (r == 0)
		r = vzr_template_check(load, template, name, false);
	return r < 0 ? r : vzr_text_set(&fs->source, name);
}

static int read_target(struct vzr_load *load, const xmlNode *node, struct vzr_filesystem *fs)
{
	const xmlNode *target, *readonly;
	const char *dir = NULL;
	int r = vzr_node_once(load, node, "target", &target);

	if (r == 0)
		r = vzr_node_once(load, node, "readonly", &readonly);
	if (r < 0)
		return r;
	fs->readonly = readonly;
	if (target) {
		dir = vzr_node_attr(load, target, "dir");
		if (!dir || !*dir)
			return vzr_node_fail(load, target, "attribute 'dir' is missing or empty");
	} else if (fs->type == VZR_ROOT_TEMPLATE) {
		dir = "/";
	} else {
		return vzr_node_fail(load, node, "<target dir='...'/> is missing");
	}
	/* A root is a root however many slashes it is written with. */
	if (!dir[strspn(dir, "/")])
		dir = "/";
	if (load->container && (r = vzr_path_check("target", dir, load->err)) < 0)
		return vzr_node_wrap(load, target ? target : node, r);
	return vzr_text_set(&fs->target, dir);
}

static int read_one(struct vzr_load *load, const xmlNode *node, struct vzr_filesystem *fs)
{
	const struct kind *kind = NULL;
	const xmlNode *template;
	int r = vzr_node_once(load, node, "template", &template);

	if (r == 0)
		r = check_type(load, node, template, &kind);
	if (r == 0)
		r = check_attrs(load, node);
	if (r == 0)
		r = check_children(load, node);
	if (r < 0)
		return r;
	fs->type = kind->type;
	r = template ? read_template(load, template, fs) : read_source(load, node, kind, fs);
	return r < 0 ? r : read_target(load, node, fs);
}

/* ---- all of them ---- */

/* A new empty entry, or NULL when out of memory. */
static struct entry *add(struct entries *entries, const xmlNode *node)
{
	if (entries->count == entries->size) {
		size_t size = entries->size ? entries->size * 2 : 8;
		struct entry *items = reallocarray(entries->items, size, sizeof(*items));

		if (!items)
			return NULL;
		entries->items = items;
		entries->size = size;
	}
	entries->items[entries->count] = (struct entry){ .node = node };
	return &entries->items[entries->count++];
}

static int collect(struct vzr_load *load, const xmlNode *parent, struct entries *entries)
{
	for (const xmlNode *n = vzr_node_first(parent); n; n = vzr_node_next(n)) {
		struct entry *entry;
		int r;

		if (!vzr_node_is(n, "filesystem"))
			continue;
		if (entries->count >= FILESYSTEMS)
			return vzr_node_fail(load, n, "more than %d filesystems", FILESYSTEMS);
		entry = add(entries, n);
		r = entry ? read_one(load, n, &entry->fs) : -ENOMEM;
		if (r < 0)
			return r;
	}
	return 0;
}

/* <os template='NAME'/> of March 2007. */
static int collect_os(struct vzr_load *load, const xmlNode *os, struct entries *entries)
{
	const char *name = vzr_node_attr(load, os, "template");
	struct entry *entry;
	int r;

	if (!name)
		return 0;
	r = vzr_template_check(load, os, name, false);
	if (r < 0)
		return r;
	entry = add(entries, os);
	if (!entry)
		return -ENOMEM;
	entry->fs.type = VZR_ROOT_TEMPLATE;
	r = vzr_text_set(&entry->fs.source, name);
	return r < 0 ? r : vzr_text_set(&entry->fs.target, "/");
}

static int collect_all(struct vzr_load *load, const xmlNode *root, struct entries *entries)
{
	int r = collect(load, root, entries);

	for (const xmlNode *n = vzr_node_first(root); r == 0 && n; n = vzr_node_next(n)) {
		if (vzr_node_is(n, "devices") || vzr_node_is(n, "container"))
			r = collect(load, n, entries);
		else if (vzr_node_is(n, "os"))
			r = collect_os(load, n, entries);
	}
	return r;
}

/*
 * True if @entry must be the root of this domain. OpenVZ knows no target: a template is the root,
 * and so is whatever stands alone. A volume of libvirt's pools is none.
 */
static bool claims_root(const struct vzr_load *load, const struct entries *entries,
			const struct entry *entry)
{
	if (entry->fs.type == VZR_ROOT_NONE)
		return false;
	return !strcmp(entry->fs.target, "/") ||
	       (load->openvz && (entry->fs.type == VZR_ROOT_TEMPLATE || entries->count == 1));
}

static int choose_root(struct vzr_load *load, const struct entries *entries,
		       const struct entry **ret_root)
{
	const struct entry *root = NULL;

	for (size_t i = 0; load->container && i < entries->count; i++) {
		const struct entry *entry = &entries->items[i];

		if (!claims_root(load, entries, entry))
			continue;
		if (root)
			return vzr_node_fail(
				load, entry->node,
				"a second root: the one of line %u fills the container "
				"already (target '/', or any template of OpenVZ, is a root)",
				vzr_node_line(load, root->node));
		root = entry;
	}
	*ret_root = root;
	if (!root || !strcmp(root->fs.target, "/"))
		return 0;
	return vzr_node_warn(load, root->node, "target '%.80s' is not '/'; it is taken as the root",
			     root->fs.target);
}

/* Reads the limits of @entry: the root's count, the others are checked only. */
static int read_limits(struct vzr_load *load, const struct entry *entry, bool is_root)
{
	struct vzr_owners users = { .what = "user" }, groups = { .what = "group" };
	struct vzr_slots slots = { 0 };
	struct vzr_limit_sink sink = { &slots, &users, &groups };
	struct vzr_limits limits;
	const xmlNode *first = NULL;
	int r = 0;

	if (is_root)
		sink = (struct vzr_limit_sink){ &load->vm, &load->users, &load->groups };
	for (const xmlNode *n = vzr_node_first(entry->node); r == 0 && n; n = vzr_node_next(n)) {
		if (!vzr_is_limit(n))
			continue;
		first = first ? first : n;
		r = vzr_limit_read(load, n, &sink);
	}
	if (r == 0 && !is_root)
		r = vzr_slots_finish(load, &slots, &limits);
	if (r == 0 && first && !is_root)
		r = vzr_node_warn(load, first,
				  "limits of a filesystem that is not the root are "
				  "not enforced");
	else if (r == 0 && first && entry->fs.type != VZR_ROOT_TEMPLATE)
		r = vzr_node_warn(load, first,
				  "limits of a root of type '%s' are not enforced: it is not made "
				  "from a template",
				  vzr_root_type_name(entry->fs.type));
	vzr_owners_done(&users);
	vzr_owners_done(&groups);
	return r;
}

/* Moves the entries into the domain. */
static int hand_over(struct vzr_load *load, struct entries *entries, const struct entry *root)
{
	struct vzr_domain *domain = load->domain;

	domain->filesystems =
		calloc(entries->count ? entries->count : 1, sizeof(*domain->filesystems));
	if (!domain->filesystems)
		return -ENOMEM;
	for (size_t i = 0; i < entries->count; i++) {
		struct vzr_filesystem *fs = &entries->items[i].fs;

		if (&entries->items[i] == root)
			domain->root = *fs;
		else
			domain->filesystems[domain->n_filesystems++] = *fs;
		*fs = (struct vzr_filesystem){ 0 };
	}
	return 0;
}

int vzr_filesystems_read(struct vzr_load *load, const xmlNode *root_node)
{
	VZR_CLEANUP(entries_done) struct entries entries = { 0 };
	const struct entry *root = NULL;
	int r = collect_all(load, root_node, &entries);

	if (r == 0)
		r = choose_root(load, &entries, &root);
	for (size_t i = 0; r == 0 && i < entries.count; i++)
		r = read_limits(load, &entries.items[i], &entries.items[i] == root);
	if (r == 0 && load->openvz && entries.count > 1)
		r = vzr_node_warn(load, entries.items[1].node,
				  "libvirt's openvz driver supports only one filesystem; the "
				  "others are not made");
	return r < 0 ? r : hand_over(load, &entries, root);
}
