/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the domain reader share: the state of one load and access to the tree. */
#pragma once

#include "engine/base/list.h"
#include "engine/vzroot.h"

#include <libxml/tree.h>

#define VZR_XML_MAX (1u << 20) /* bytes of a document */
#define VZR_XML_NAMESPACE "urn:vzroot:1"
#define VZR_CTID_FIRST 101u	  /* below it OpenVZ keeps ids for itself */
#define VZR_CTID_LAST 2147483644u /* VEID_MAX of vzctl */

/** Which limit of one VM, user or group. */
enum vzr_slot_kind {
	VZR_SLOT_BLOCK_SOFT, /**< bytes */
	VZR_SLOT_BLOCK_HARD, /**< bytes */
	VZR_SLOT_INODE_SOFT,
	VZR_SLOT_INODE_HARD,
	VZR_SLOT_GRACE, /**< seconds */
	VZR_SLOT_COUNT
};

/** One limit as found: its value and the element that says it (NULL: nobody does). */
struct vzr_slot {
	uint64_t value;
	const xmlNode *node;
};

/** The limits of one VM, user or group while they are collected. Zeroed it is empty. */
struct vzr_slots {
	struct vzr_slot slot[VZR_SLOT_COUNT];
};

/** Users or groups while they are collected. Zeroed it is empty. */
struct vzr_owners {
	const char *what;		/**< "user" or "group" */
	struct vzr_owner_limits *items; /**< @count of them, owned */
	size_t count;
	size_t size; /**< allocated */
	void *index; /**< tsearch() tree of owner_key, to find a second one of a name */
};

/** The state of one vzr_domain_load(). */
struct vzr_load {
	const char *file;	   /**< name for messages */
	const char *text;	   /**< the document */
	size_t length;		   /**< bytes of it */
	struct vzr_error *err;	   /**< may be NULL */
	struct vzr_domain *domain; /**< what is filled */
	bool container; /**< a type of domain that has a root: openvz, lxc, vz, parallels */
	bool openvz;	/**< type openvz */
	bool failed;	/**< a refusal was reported already: the first one counts */
	bool doctype;	/**< the parser met a DOCTYPE */
	int code;	/**< of the refusal */
	bool oom;	/**< a text could not be copied; checked at the end */
	size_t warnings_left_out; /**< beyond the most that are kept */
	struct vzr_list pool;	  /**< xmlChar texts lent by vzr_node_attr() and vzr_node_text() */
	struct vzr_list warnings;
	struct vzr_slots vm;
	struct vzr_owners users;
	struct vzr_owners groups;
};

/* ---- parse.c: bytes to tree ---------------------------------------------------------------- */

/**
 * Checks and parses the document. -VZR_E_ILL_FORMED with line and column: not XML, or XML that is
 * not accepted. The caller frees the tree with xmlFreeDoc(). Each element knows its place.
 */
VZR_MUST_CHECK int vzr_xml_parse(struct vzr_load *load, xmlDoc **ret_doc);

/** guard.c: what is refused by its bytes alone, before a parser sees them. -VZR_E_ILL_FORMED. */
VZR_MUST_CHECK int vzr_xml_guard(struct vzr_load *load);

/** Fails with -VZR_E_ILL_FORMED at byte @offset of the document. The first refusal counts. */
int vzr_xml_fail(struct vzr_load *load, size_t offset, const char *fmt, ...) VZR_PRINTF(3, 4)
	__attribute__((cold));

/** Line and column (bytes), both from 1, of byte @offset. */
void vzr_xml_place(const struct vzr_load *load, size_t offset, unsigned int *ret_line,
		   unsigned int *ret_column);

/* ---- node.c: access to elements ------------------------------------------------------------ */

/** Fails with -VZR_E_INPUT at @node: place and path of the element, then the sentence. */
int vzr_node_fail(struct vzr_load *load, const xmlNode *node, const char *fmt, ...) VZR_PRINTF(3, 4)
	__attribute__((cold));

/** Puts place and path of @node in front of the message that a check left in load->err. */
int vzr_node_wrap(struct vzr_load *load, const xmlNode *node, int code) __attribute__((cold));

/** Notes "line N: PATH: sentence". -ENOMEM. */
VZR_MUST_CHECK int vzr_node_warn(struct vzr_load *load, const xmlNode *node, const char *fmt, ...)
	VZR_PRINTF(3, 4);

/** Line of @node's start tag, from 1. */
unsigned int vzr_node_line(const struct vzr_load *load, const xmlNode *node);

/** Byte offset of @node's start tag is kept by this and read by the calls above. */
void vzr_node_mark(xmlNode *node, size_t offset);

/** First child element of @parent, of any namespace; NULL: none. */
const xmlNode *vzr_node_first(const xmlNode *parent);

/** Next sibling element, of any namespace; NULL: none. */
const xmlNode *vzr_node_next(const xmlNode *node);

/** True if @node is element @name without namespace. */
bool vzr_node_is(const xmlNode *node, const char *name);

/** True if @node is in the namespace of our metadata. */
bool vzr_node_is_ours(const xmlNode *node);

/** Name of @node as text. */
const char *vzr_node_name(const xmlNode *node);

/** Value of the attribute @name without namespace; NULL: absent. Lent until the load ends. */
const char *vzr_node_attr(struct vzr_load *load, const xmlNode *node, const char *name);

/** Fails unless each attribute of @node is one of the NULL-terminated @allowed. */
VZR_MUST_CHECK int vzr_node_only_attrs(struct vzr_load *load, const xmlNode *node,
				       const char *const *allowed);

/** Fails if @node has a child element or text other than blanks. */
VZR_MUST_CHECK int vzr_node_empty(struct vzr_load *load, const xmlNode *node);

/** Fails if @node has text other than blanks beside its elements. */
VZR_MUST_CHECK int vzr_node_no_text(struct vzr_load *load, const xmlNode *node);

/** The whole text of @node, over comments; fails if it has a child element. Lent. */
VZR_MUST_CHECK int vzr_node_text(struct vzr_load *load, const xmlNode *node, const char **ret_text);

/** vzr_node_text() without blanks at both ends. */
VZR_MUST_CHECK int vzr_node_trimmed(struct vzr_load *load, const xmlNode *node,
				    const char **ret_text);

/** The only child @name of @parent without namespace, or NULL; fails if there are two. */
VZR_MUST_CHECK int vzr_node_once(struct vzr_load *load, const xmlNode *parent, const char *name,
				 const xmlNode **ret_node);

/** @text as a number up to @max, or a failure that names @what. */
VZR_MUST_CHECK int vzr_node_number(struct vzr_load *load, const xmlNode *node, const char *what,
				   const char *text, uint64_t max, uint64_t *ret_value);

/**
 * @text times its unit (NULL: @fallback) in bytes; the result is at most what 64 bits hold.
 * Fails for another form of number, an unknown unit or an overflow.
 */
struct vzr_scaled {
	const char *what;  /**< for the message */
	const char *text;  /**< digits */
	const char *unit;  /**< suffix, or NULL */
	uint64_t fallback; /**< factor without a unit */
};
VZR_MUST_CHECK int vzr_node_scaled(struct vzr_load *load, const xmlNode *node,
				   const struct vzr_scaled *scaled, uint64_t *ret_bytes);

/** *@ret_copy = a copy of @text. -ENOMEM. An older copy there is freed. */
VZR_MUST_CHECK int vzr_text_set(char **ret_copy, const char *text);

/* ---- slots.c, limits_read.c: quotas
 * ------------------------------------------------------------------ */

/** Notes one limit. Fails if it is 0 or was said before. */
VZR_MUST_CHECK int vzr_slot_set(struct vzr_load *load, struct vzr_slots *slots,
				enum vzr_slot_kind kind, uint64_t value, const xmlNode *node);

/** Checks soft against hard and turns bytes into KiB. Fails at the element that is at fault. */
VZR_MUST_CHECK int vzr_slots_finish(struct vzr_load *load, const struct vzr_slots *slots,
				    struct vzr_limits *ret_limits);

/** Adds a user or group. Fails if the name is no name or was there before. */
VZR_MUST_CHECK int vzr_owner_add(struct vzr_load *load, struct vzr_owners *owners, const char *name,
				 const struct vzr_limits *limits, const xmlNode *node);
void vzr_owners_done(struct vzr_owners *owners);

/** Where the limits of one <filesystem> go. */
struct vzr_limit_sink {
	struct vzr_slots *vm;
	struct vzr_owners *users;
	struct vzr_owners *groups;
};

/** True for space_hard_limit, space_soft_limit, quota and quote. */
bool vzr_is_limit(const xmlNode *node);

/** Reads one element for which vzr_is_limit() is true. */
VZR_MUST_CHECK int vzr_limit_read(struct vzr_load *load, const xmlNode *node,
				  const struct vzr_limit_sink *sink);

/** Reads <v:limits> of our metadata. */
VZR_MUST_CHECK int vzr_limits_metadata(struct vzr_load *load, const xmlNode *node);

/* ---- filesystem.c: filesystems and the root ------------------------------------------------- */

/** Every filesystem and template of the document, the root's limits, the choice of the root. */
VZR_MUST_CHECK int vzr_filesystems_read(struct vzr_load *load, const xmlNode *root);

/** Checks the name of a template and warns if @libvirt's schema cannot carry it. */
VZR_MUST_CHECK int vzr_template_check(struct vzr_load *load, const xmlNode *node, const char *name,
				      bool libvirt);

/* ---- network.c, metadata.c, strict.c -------------------------------------------------------- */

/** <devices><interface>, <network> of 2007 and <idmap>. */
VZR_MUST_CHECK int vzr_network_read(struct vzr_load *load, const xmlNode *root);
VZR_MUST_CHECK int vzr_idmap_read(struct vzr_load *load, const xmlNode *root);

/** Frees an array of interfaces. */
void vzr_interfaces_free(struct vzr_interface *interfaces, size_t count);

/** Sets the host name (once in a document). */
VZR_MUST_CHECK int vzr_hostname_set(struct vzr_load *load, const xmlNode *node);

/** Adds a name server; an empty element is passed over. */
VZR_MUST_CHECK int vzr_nameserver_add(struct vzr_load *load, const xmlNode *node);

/** <metadata> under our namespace. To be read after the file systems. */
VZR_MUST_CHECK int vzr_metadata_read(struct vzr_load *load, const xmlNode *root);

/** Fails for anything like a quota that stands where nobody reads it. */
VZR_MUST_CHECK int vzr_strict_check(struct vzr_load *load, const xmlNode *root);

/** True if @name looks like a disk quota (or a misspelt one). */
bool vzr_quota_like(const char *name);
