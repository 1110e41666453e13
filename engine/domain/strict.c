/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whatever looks like a disk quota or a template must stand where it is read. */
#include "engine/domain/internal.h"

#include "engine/base/cleanup.h"

#include <string.h>

bool vzr_quota_like(const char *name)
{
	return strcasestr(name, "quota") || strcasestr(name, "quote") ||
	       !strncasecmp(name, "space", 5) || strcasestr(name, "inodes");
}

static bool is_top(const xmlNode *root, const xmlNode *node, const char *name)
{
	return node->parent == root && vzr_node_is(node, name);
}

/*
 * Subtrees that are not about disk space or have been read to the letter: CPU quotas, other
 * programs' metadata.
 */
static bool is_passed_over(const xmlNode *root, const xmlNode *node)
{
	return is_top(root, node, "cputune") || is_top(root, node, "memtune") ||
	       (node->ns && is_top(root, node->parent, "metadata"));
}

/* True if a <filesystem> with parent @parent has been read. */
static bool is_read_filesystem(const xmlNode *root, const xmlNode *node)
{
	return vzr_node_is(node, "filesystem") &&
	       (node->parent == root || is_top(root, node->parent, "devices") ||
		is_top(root, node->parent, "container"));
}

static bool inside_disk(const xmlNode *node)
{
	for (node = node->parent; node && node->type == XML_ELEMENT_NODE; node = node->parent)
		if (vzr_node_is(node, "disk"))
			return true;
	return false;
}

static int fail_template(struct vzr_load *load, const xmlNode *node)
{
	if (inside_disk(node) || vzr_node_is(node, "disk"))
		return vzr_node_fail(load, node,
				     "a template belongs in <filesystem>, not in <disk>: a disk is "
				     "a "
				     "block device, and a container's root is a tree of files");
	return vzr_node_fail(load, node,
			     "a <template> belongs in a <filesystem> of <devices>, not here");
}

static int check_attrs(struct vzr_load *load, const xmlNode *node)
{
	for (const xmlAttr *attr = node->properties; attr; attr = attr->next) {
		const char *name = (const char *)attr->name;

		if (!attr->ns && vzr_quota_like(name))
			return vzr_node_fail(load, node,
					     "attribute '%.40s' looks like a quota, but none is "
					     "read "
					     "here; quotas are elements of <filesystem>",
					     name);
	}
	return 0;
}

/* An element of another namespace is not libvirt's; one like a quota is worth a word. */
static int check_foreign(struct vzr_load *load, const xmlNode *node)
{
	if (vzr_node_is_ours(node))
		return vzr_node_fail(load, node,
				     "an element of %s belongs at the top of <metadata>, not here",
				     VZR_XML_NAMESPACE);
	if (vzr_quota_like(vzr_node_name(node)) || !strcmp(vzr_node_name(node), "template") ||
	    !strcmp(vzr_node_name(node), "filesystem"))
		return vzr_node_warn(load, node,
				     "the element is ignored: it is in namespace '%.80s'",
				     (const char *)node->ns->href);
	return 0;
}

static int check_disk(struct vzr_load *load, const xmlNode *disk)
{
	const char *type = vzr_node_attr(load, disk, "type");

	if (vzr_node_attr(load, disk, "template") || (type && !strcmp(type, "template")))
		return fail_template(load, disk);
	return 0;
}

static int check_node(struct vzr_load *load, const xmlNode *root, const xmlNode *node)
{
	const char *name = vzr_node_name(node);
	bool read = is_read_filesystem(root, node->parent);

	if (node->ns)
		return check_foreign(load, node);
	if (!strcmp(name, "template") && !read)
		return fail_template(load, node);
	if (vzr_quota_like(name) && !read)
		return vzr_node_fail(load, node,
				     inside_disk(node)
					     ? "<%.40s> inside a <disk> limits nothing; quotas "
					       "belong "
					       "in <filesystem>"
					     : "<%.40s> is not read here; quotas belong in a "
					       "<filesystem> of <devices>, or in <metadata>",
				     name);
	if (!strcmp(name, "filesystem") && !is_read_filesystem(root, node))
		return vzr_node_fail(load, node,
				     "a <filesystem> belongs in <devices>; here it is not read");
	if (!strcmp(name, "disk") && load->container) {
		int r = check_disk(load, node);

		if (r < 0)
			return r;
	}
	return check_attrs(load, node);
}

int vzr_strict_check(struct vzr_load *load, const xmlNode *root)
{
	const xmlNode *node = vzr_node_first(root), *next;
	int r = check_attrs(load, root);

	while (r == 0 && node) {
		bool skip = is_passed_over(root, node);

		r = skip ? 0 : check_node(load, root, node);
		next = skip ? NULL : vzr_node_first(node);
		while (!next && node != root) {
			next = vzr_node_next(node);
			if (!next)
				node = node->parent;
		}
		node = node == root ? NULL : next;
	}
	return r;
}
