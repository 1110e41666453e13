/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Domain XML to struct vzr_domain: the order of reading, and what names and sizes the container. */
#include "engine/domain/internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/path.h"
#include "engine/base/size.h"
#include "engine/limits.h"

#include <ctype.h>
#include <string.h>

/* ---- name, type, uuid, CTID ---- */

static int check_root_element(struct vzr_load *load, const xmlNode *root)
{
	if (root->ns)
		return vzr_node_fail(load, root,
				     "the document is in namespace '%.80s'; a domain is in none",
				     (const char *)root->ns->href);
	if (vzr_node_is(root, "domain"))
		return 0;
	return vzr_node_fail(load, root,
			     "the document is a <%.40s>, not a <domain>; a domain looks like "
			     "<domain type='openvz'>...</domain>",
			     vzr_node_name(root));
}

static int read_type(struct vzr_load *load, const xmlNode *root)
{
	static const char *const containers[] = { "openvz", "lxc", "vz", "parallels" };
	const char *type = vzr_node_attr(load, root, "type");

	if (!type || !*type)
		return vzr_node_fail(load, root,
				     "attribute 'type' is missing or empty: write type='openvz'");
	for (const char *p = type; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("-_:", *p))
			return vzr_node_fail(load, root, "'%.40s' is no type of a domain", type);
	for (size_t i = 0; i < VZR_COUNT(containers); i++)
		load->container |= !strcmp(type, containers[i]);
	load->openvz = !strcmp(type, "openvz");
	return vzr_text_set(&load->domain->type, type);
}

/* A CTID in canonical decimal: vzctl and libvirt must see the same number. */
static int read_ctid(struct vzr_load *load, const xmlNode *node, const char *text)
{
	uint64_t value;

	if (text[0] == '0')
		return vzr_node_fail(load, node,
				     "CTID '%.40s' has a leading zero; write the plain number",
				     text);
	if (vzr_parse_uint(text, VZR_CTID_LAST, &value) < 0 || value + 1 < VZR_CTID_FIRST)
		return vzr_node_fail(load, node, "CTID '%.40s' is not in %u..%u", text,
				     VZR_CTID_FIRST, VZR_CTID_LAST);
	load->domain->ctid = (uint32_t)value;
	/* libvirt's documentation and its own test begin at 100, OpenVZ's at 101. */
	if (value >= VZR_CTID_FIRST)
		return 0;
	return vzr_node_warn(load, node,
			     "CTID %s is kept by OpenVZ for itself; containers have "
			     "%u..%u",
			     text, VZR_CTID_FIRST, VZR_CTID_LAST);
}

static int check_name(struct vzr_load *load, const xmlNode *node, const char *name)
{
	int r;

	if (!*name)
		return vzr_node_fail(load, node, "the name is empty");
	if (strchr(name, '\n'))
		return vzr_node_fail(load, node, "the name has a line break in it");
	/* Names of virtual machines are never used as file names here. */
	if (!load->container)
		return 0;
	r = vzr_name_check("name", name, load->err);
	return r < 0 ? vzr_node_wrap(load, node, r) : 0;
}

static int read_name(struct vzr_load *load, const xmlNode *root)
{
	const xmlNode *node;
	const char *name;
	int r = vzr_node_once(load, root, "name", &node);

	if (r < 0)
		return r;
	if (!node)
		return vzr_node_fail(load, root, "<name> is missing");
	r = vzr_node_text(load, node, &name);
	if (r == 0)
		r = check_name(load, node, name);
	if (r == 0)
		r = vzr_text_set(&load->domain->name, name);
	if (r < 0 || !load->openvz || name[strspn(name, "0123456789")])
		return r;
	return read_ctid(load, node, name);
}

/* <vpsid> of March 2007. */
static int read_vpsid(struct vzr_load *load, const xmlNode *root)
{
	uint32_t from_name = load->domain->ctid;
	const xmlNode *node;
	const char *text;
	int r = vzr_node_once(load, root, "vpsid", &node);

	if (r < 0 || !node)
		return r;
	r = vzr_node_trimmed(load, node, &text);
	if (r < 0)
		return r;
	if (!*text || text[strspn(text, "0123456789")])
		return vzr_node_fail(load, node, "CTID '%.40s' is not a whole number", text);
	r = read_ctid(load, node, text);
	if (r == 0 && from_name && from_name != load->domain->ctid)
		return vzr_node_fail(load, node, "the CTID is %u here and %u in <name>; keep one",
				     load->domain->ctid, from_name);
	return r;
}

static int read_uuid(struct vzr_load *load, const xmlNode *root)
{
	char hex[33], out[37];
	const xmlNode *node;
	const char *text;
	size_t n = 0, length;
	bool fine;
	int r = vzr_node_once(load, root, "uuid", &node);

	if (r == 0 && node)
		r = vzr_node_trimmed(load, node, &text);
	if (r < 0 || !node || !*text)
		return r;
	length = strlen(text);
	fine = length == 32 || length == 36;
	for (size_t i = 0; fine && i < length; i++) {
		bool dash = length == 36 && (i == 8 || i == 13 || i == 18 || i == 23);

		fine = dash ? text[i] == '-' : isxdigit((unsigned char)text[i]);
		if (fine && !dash)
			hex[n++] = (char)tolower((unsigned char)text[i]);
	}
	if (!fine)
		return vzr_node_fail(load, node,
				     "'%.60s' is not a UUID: 32 hexadecimal digits, with dashes as "
				     "8-4-4-4-12 or without",
				     text);
	snprintf(out, sizeof(out), "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
		 hex + 20);
	return vzr_text_set(&load->domain->uuid, out);
}

/* ---- memory, CPUs, os ---- */

static int read_memory(struct vzr_load *load, const xmlNode *root, const char *name,
		       uint64_t *ret_kib)
{
	struct vzr_scaled scaled = { .what = name, .fallback = 1024 };
	const xmlNode *node;
	uint64_t bytes;
	int r = vzr_node_once(load, root, name, &node);

	if (r < 0 || !node)
		return r;
	if (vzr_node_attr(load, node, "units"))
		return vzr_node_fail(load, node,
				     "attribute 'units' is not known here: it is called 'unit'");
	r = vzr_node_text(load, node, &scaled.text);
	if (r < 0)
		return r;
	scaled.unit = vzr_node_attr(load, node, "unit");
	r = vzr_node_scaled(load, node, &scaled, &bytes);
	if (r == 0)
		*ret_kib = vzr_kib_up(bytes);
	return r;
}

static int read_vcpu(struct vzr_load *load, const xmlNode *root)
{
	const xmlNode *node;
	const char *text;
	uint64_t value;
	int r = vzr_node_once(load, root, "vcpu", &node);

	if (r < 0 || !node)
		return r;
	r = vzr_node_trimmed(load, node, &text);
	if (r < 0 || !*text)
		return r;
	r = vzr_node_number(load, node, "number of CPUs", text, UINT32_MAX, &value);
	if (r == 0)
		load->domain->vcpus = (uint32_t)value;
	return r;
}

static int read_os(struct vzr_load *load, const xmlNode *root)
{
	const xmlNode *os, *type = NULL, *init = NULL;
	const char *text;
	int r = vzr_node_once(load, root, "os", &os);

	if (r == 0 && os)
		r = vzr_node_once(load, os, "type", &type);
	if (r == 0 && os)
		r = vzr_node_once(load, os, "init", &init);
	if (r == 0 && type && (text = vzr_node_attr(load, type, "arch"))) {
		r = vzr_name_check("architecture", text, load->err);
		r = r < 0 ? vzr_node_wrap(load, type, r) : vzr_text_set(&load->domain->arch, text);
	}
	if (r < 0 || !init)
		return r;
	r = vzr_node_trimmed(load, init, &text);
	if (r == 0 && *text) {
		r = load->container ? vzr_path_check("init", text, load->err) : 0;
		r = r < 0 ? vzr_node_wrap(load, init, r) : vzr_text_set(&load->domain->init, text);
	}
	return r;
}

/* ---- <profile> and <onboot> of 2007 ---- */

static int read_profile(struct vzr_load *load, const xmlNode *parent)
{
	const xmlNode *node;
	const char *text;
	int r = vzr_node_once(load, parent, "profile", &node);

	if (r < 0 || !node)
		return r;
	if (load->domain->profile)
		return vzr_node_fail(load, node, "a second profile ('%.60s' is there); keep one",
				     load->domain->profile);
	r = vzr_node_trimmed(load, node, &text);
	if (r < 0 || !*text)
		return r;
	r = vzr_name_check("profile", text, load->err);
	return r < 0 ? vzr_node_wrap(load, node, r) : vzr_text_set(&load->domain->profile, text);
}

static int read_onboot(struct vzr_load *load, const xmlNode *root)
{
	const xmlNode *node;
	const char *text;
	int r = vzr_node_once(load, root, "onboot", &node);

	if (r == 0 && node)
		r = vzr_node_trimmed(load, node, &text);
	if (r < 0 || !node || !*text)
		return r;
	load->domain->onboot = !strcasecmp(text, "true") || !strcasecmp(text, "yes");
	if (!load->domain->onboot && strcasecmp(text, "false") != 0 && strcasecmp(text, "no") != 0)
		return vzr_node_fail(load, node, "'%.40s' is neither true nor false", text);
	return 0;
}

/* <container> was of two releases and has three children; another one is a misspelt one. */
static int check_container(struct vzr_load *load, const xmlNode *container)
{
	for (const xmlNode *n = vzr_node_first(container); n; n = vzr_node_next(n))
		if (!vzr_node_is(n, "filesystem") && !vzr_node_is(n, "network") &&
		    !vzr_node_is(n, "profile"))
			return vzr_node_fail(load, n,
					     "<%.40s> is not known in a <container> (filesystem, "
					     "network, profile)",
					     vzr_node_name(n));
	return 0;
}

static int read_legacy(struct vzr_load *load, const xmlNode *root)
{
	const xmlNode *container;
	int r = vzr_node_once(load, root, "container", &container);

	if (r == 0)
		r = check_container(load, container);
	if (r == 0)
		r = read_vpsid(load, root);
	if (r == 0)
		r = read_onboot(load, root);
	if (r == 0)
		r = read_profile(load, root);
	if (r == 0 && container)
		r = read_profile(load, container);
	return r;
}

/* ---- the whole document ---- */

static int read_head(struct vzr_load *load, const xmlNode *root)
{
	struct vzr_domain *domain = load->domain;
	int r = check_root_element(load, root);

	if (r == 0)
		r = read_type(load, root);
	if (r == 0)
		r = read_name(load, root);
	if (r == 0)
		r = read_uuid(load, root);
	if (r == 0)
		r = read_memory(load, root, "memory", &domain->memory_kib);
	if (r == 0)
		r = read_memory(load, root, "currentMemory", &domain->current_memory_kib);
	if (r == 0)
		r = read_vcpu(load, root);
	return r < 0 ? r : read_os(load, root);
}

static int read_body(struct vzr_load *load, const xmlNode *root)
{
	int r = vzr_strict_check(load, root);

	if (r == 0)
		r = vzr_filesystems_read(load, root);
	if (r == 0 && load->container) {
		r = read_legacy(load, root);
		if (r == 0)
			r = vzr_network_read(load, root);
		if (r == 0)
			r = vzr_idmap_read(load, root);
	}
	if (r == 0)
		r = vzr_metadata_read(load, root);
	return r < 0 ? r : vzr_slots_finish(load, &load->vm, &load->domain->vm);
}

/* Moves what was collected into the domain. */
static int finish(struct vzr_load *load)
{
	struct vzr_domain *domain = load->domain;

	if (load->oom)
		return -ENOMEM;
	if (load->warnings_left_out &&
	    vzr_list_printf(&load->warnings, "line 1: %zu more warnings are left out",
			    load->warnings_left_out) < 0)
		return -ENOMEM;
	domain->users = vzr_take_ptr(load->users.items);
	domain->n_users = load->users.count;
	domain->groups = vzr_take_ptr(load->groups.items);
	domain->n_groups = load->groups.count;
	domain->warnings = (char **)vzr_take_ptr(load->warnings.items);
	domain->n_warnings = load->warnings.count;
	load->users.count = load->groups.count = load->warnings.count = 0;
	return 0;
}

static void free_xml(void *text)
{
	xmlFree(text);
}

static void free_docp(xmlDoc **doc)
{
	if (*doc)
		xmlFreeDoc(*doc);
}

static void load_done(struct vzr_load *load)
{
	vzr_list_done(&load->pool, free_xml);
	vzr_list_done_text(&load->warnings);
	vzr_owners_done(&load->users);
	vzr_owners_done(&load->groups);
	vzr_domain_free(load->domain);
}

int vzr_domain_load(const char *file, const char *text, size_t length,
		    struct vzr_domain **ret_domain, struct vzr_error *err)
{
	static const struct vzr_limits no_limits = VZR_LIMITS_NONE;
	VZR_CLEANUP(load_done)
	struct vzr_load load = {
		.file = file ? file : "-",
		.text = text,
		.length = length,
		.err = err,
		.users = { .what = "user" },
		.groups = { .what = "group" },
	};
	VZR_CLEANUP(free_docp) xmlDoc *doc = NULL;
	int r;

	load.domain = calloc(1, sizeof(*load.domain));
	if (!load.domain)
		return vzr_fail_code(err, -ENOMEM, "%s", load.file);
	load.domain->vm = no_limits;
	r = vzr_xml_parse(&load, &doc);
	if (r == 0)
		r = read_head(&load, xmlDocGetRootElement(doc));
	if (r == 0)
		r = read_body(&load, xmlDocGetRootElement(doc));
	if (r == 0)
		r = finish(&load);
	/* A text that could not be copied reads as empty: what was refused for it is not to blame.
	 */
	if (r == -ENOMEM || load.oom)
		return vzr_fail_code(err, -ENOMEM, "%s", load.file);
	if (r < 0)
		return r;
	*ret_domain = vzr_take_ptr(load.domain);
	return 0;
}

void vzr_domain_free(struct vzr_domain *domain)
{
	if (!domain)
		return;
	free(domain->type);
	free(domain->name);
	free(domain->uuid);
	free(domain->arch);
	free(domain->init);
	free(domain->hostname);
	free(domain->profile);
	for (size_t i = 0; i < domain->n_nameservers; i++)
		free(domain->nameservers[i]);
	free(domain->nameservers);
	vzr_interfaces_free(domain->interfaces, domain->n_interfaces);
	free(domain->idmaps);
	free(domain->root.source);
	free(domain->root.target);
	for (size_t i = 0; i < domain->n_filesystems; i++) {
		free(domain->filesystems[i].source);
		free(domain->filesystems[i].target);
	}
	free(domain->filesystems);
	vzr_owners_free(domain->users, domain->n_users);
	vzr_owners_free(domain->groups, domain->n_groups);
	for (size_t i = 0; i < domain->n_warnings; i++)
		free(domain->warnings[i]);
	free(domain->warnings);
	free(domain);
}
