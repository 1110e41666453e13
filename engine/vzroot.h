/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file vzroot.h
 * The public interface of libvzroot: a domain's XML in, a ready container root out.
 *
 * Conventions
 * - A function returns 0 or a documented positive outcome, or a negative error: -errno of the
 *   system, or -VZR_E_* (values from 1024). With an error, @err (may be NULL) holds one sentence.
 * - Outputs are named ret_* and are written on success only. Who calls *_new, *_load, *_list,
 *   *_plan or *_create frees with the matching *_free; what *_get returns is lent.
 * - Block limits and sizes named *_kib are in KiB (1024 bytes), sizes named *_bytes or without a
 *   unit in bytes, times in seconds. VZR_NO_LIMIT means "no such limit".
 * - The library never prints, asks or reads the environment; it reads configuration files only
 *   when vzr_settings_read() is called. An engine may be used by one thread at a time;
 *   vzr_cancel() may be called from any thread and from a signal handler.
 *
 * This header includes nothing of the project, so that every layer may include it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VZR_API __attribute__((visibility("default")))
#define VZR_CHECK __attribute__((warn_unused_result))

/* ---- errors ------------------------------------------------------------------------------- */

/** Own error codes: symbol, value, name as in JSON. Each is returned negative. */
#define VZR_ERRORS(X)                                                                              \
	X(VZR_E_FAILED, 1024, "failed")                                                            \
	X(VZR_E_USAGE, 1025, "usage")                                                              \
	X(VZR_E_NOT_FOUND, 1026, "not-found")                                                      \
	X(VZR_E_AMBIGUOUS, 1027, "ambiguous")                                                      \
	X(VZR_E_NOT_TRUSTED, 1028, "not-trusted")                                                  \
	X(VZR_E_DIGEST, 1029, "wrong-digest")                                                      \
	X(VZR_E_SIGNATURE, 1030, "bad-signature")                                                  \
	X(VZR_E_NO_SPACE, 1031, "no-space")                                                        \
	X(VZR_E_OVER_QUOTA, 1032, "over-quota")                                                    \
	X(VZR_E_BUSY, 1033, "busy")                                                                \
	X(VZR_E_EXISTS, 1034, "exists")                                                            \
	X(VZR_E_UNSUPPORTED, 1035, "unsupported")                                                  \
	X(VZR_E_QUOTA_UNSUPPORTED, 1036, "quota-unsupported")                                      \
	X(VZR_E_INPUT, 1037, "bad-input")                                                          \
	X(VZR_E_ILL_FORMED, 1038, "ill-formed")                                                    \
	X(VZR_E_NOTHING, 1039, "nothing-to-provision")                                             \
	X(VZR_E_ARCHIVE, 1040, "bad-archive")                                                      \
	X(VZR_E_REFUSED, 1041, "refused-member")                                                   \
	X(VZR_E_LIMIT, 1042, "limit-exceeded")                                                     \
	X(VZR_E_NETWORK, 1043, "network")                                                          \
	X(VZR_E_CONFIG, 1044, "bad-config")                                                        \
	X(VZR_E_CANCELLED, 1045, "cancelled")

enum vzr_error_code {
#define VZR_ERROR_ENUM(symbol, value, name) symbol = value,
	VZR_ERRORS(VZR_ERROR_ENUM)
#undef VZR_ERROR_ENUM
};

/** One failure. The caller owns the struct; nothing in it needs release. */
struct vzr_error {
	int code;	     /**< negative, as returned */
	unsigned int line;   /**< line in the document or file, from 1; 0: not about a line */
	unsigned int column; /**< column in bytes, from 1; 0: not known */
	char msg[512];	     /**< one sentence: what, where, why, what to do; printable UTF-8 */
};

/** The short stable name of @code (either sign), as in JSON output. Never NULL; static text. */
VZR_API const char *vzr_error_name(int code);

/**
 * Copies @text into @out (@size bytes, always terminated) with everything that is not printable
 * UTF-8 written as \xNN, so that a terminal or a log can take it. Returns @out.
 */
VZR_API char *vzr_escape(char *out, size_t size, const char *text);

/* ---- events ------------------------------------------------------------------------------- */

enum vzr_event_type {
	VZR_EVENT_LOG,	       /**< something to read: log */
	VZR_EVENT_STAGE_BEGIN, /**< a stage starts: stage */
	VZR_EVENT_STAGE_END,   /**< a stage ended: stage */
	VZR_EVENT_PROGRESS,    /**< progress inside a stage: progress */
	VZR_EVENT_CHOICE       /**< the engine chose between back ends or sources: choice */
};

enum vzr_level { VZR_LEVEL_DEBUG, VZR_LEVEL_INFO, VZR_LEVEL_WARNING };

/** What happened. Texts are printable UTF-8 and valid during the call only. */
struct vzr_event {
	enum vzr_event_type type;
	union {
		struct {
			enum vzr_level level; /**< how much it matters */
			const char *text;     /**< one sentence */
		} log;
		struct {
			const char *name;    /**< "resolve", "fetch", "unpack", ... */
			int code;	     /**< on end: 0 or the error code */
			uint64_t elapsed_us; /**< on end: microseconds since its begin */
		} stage;
		struct {
			const char *stage;    /**< the stage that goes on */
			uint64_t done_bytes;  /**< so far */
			uint64_t total_bytes; /**< 0: not known */
		} progress;
		struct {
			const char *what;   /**< "source", "area", "quota", "handoff", ... */
			const char *chosen; /**< name of what was taken */
			const char *reason; /**< one clause: why, and why not the others */
		} choice;
	} u;
};

/** Receives every event, in order, in the calling thread. */
typedef void (*vzr_event_fn)(void *data, const struct vzr_event *event);

/* ---- settings ----------------------------------------------------------------------------- */

/** Paths, sources and defaults. Opaque; made once, read by the engine. */
struct vzr_settings;

/**
 * Built-in settings with every path below @root (absolute; NULL or "/" for the host itself).
 * Paths *inside* settings are as the target sees them, without @root.
 */
VZR_API VZR_CHECK int vzr_settings_new(const char *root, struct vzr_settings **ret_settings,
				       struct vzr_error *err);
VZR_API void vzr_settings_free(struct vzr_settings *settings);

/**
 * Sets one key ("TEMPLATE", "VE_PRIVATE", "CACHE_DIR", ...: see vzroot.conf(5)).
 * -VZR_E_CONFIG for an unknown key or a value that the key does not take.
 */
VZR_API VZR_CHECK int vzr_settings_set(struct vzr_settings *settings, const char *key,
				       const char *value, struct vzr_error *err);

/** The value of @key, or NULL if the key is unknown or has no value. Lent until the next set. */
VZR_API const char *vzr_settings_get(const struct vzr_settings *settings, const char *key);

/** Every key with its one-line description; *ret_count entries. Static. */
struct vzr_setting_info {
	const char *key;
	const char *value_hint; /**< "PATH", "yes|no", "NUMBER", "TEXT" */
	const char *help;
};
VZR_API const struct vzr_setting_info *vzr_settings_keys(size_t *ret_count);

/**
 * Reads the configuration: what /etc/vz/vz.conf says of the keys shared with OpenVZ (if it
 * exists), then @path (NULL: /etc/vzroot/vzroot.conf, which may be absent). Both below the root.
 * A file that others than root can write, an unknown key or a duplicate in vzroot.conf is refused.
 */
VZR_API VZR_CHECK int vzr_settings_read(struct vzr_settings *settings, const char *path,
					struct vzr_error *err);

/* ---- the engine --------------------------------------------------------------------------- */

struct vzr_engine;

/** An engine over @settings (borrowed; must outlive the engine). @fn may be NULL. */
VZR_API VZR_CHECK int vzr_engine_new(const struct vzr_settings *settings, vzr_event_fn fn,
				     void *data, struct vzr_engine **ret_engine,
				     struct vzr_error *err);
VZR_API void vzr_engine_free(struct vzr_engine *engine);

/** Makes the running call end with -VZR_E_CANCELLED after it undid its work. Signal-safe. */
VZR_API void vzr_cancel(struct vzr_engine *engine);

/** Version of the library, "MAJOR.MINOR.PATCH"; static. */
VZR_API const char *vzr_version(void);

/** Built-in features and back ends, "+isal -seccomp quota:vzquota handoff:openvz"; static. */
VZR_API const char *vzr_features(void);

/** The kinds of back ends that are one file each. */
enum vzr_backend_kind { VZR_BACKEND_SOURCE, VZR_BACKEND_AREA, VZR_BACKEND_QUOTA,
			VZR_BACKEND_HANDOFF };

/**
 * Name and one-line summary of back end number @index of @kind. 0, or -VZR_E_NOT_FOUND past the
 * last one. The texts are static.
 */
VZR_API int vzr_backend_get(enum vzr_backend_kind kind, size_t index, const char **ret_name,
			    const char **ret_summary);

/* ---- the domain --------------------------------------------------------------------------- */

#define VZR_NO_LIMIT UINT64_MAX

/** Limits of one VM, user or group; VZR_NO_LIMIT where absent. Soft is never above hard. */
struct vzr_limits {
	uint64_t block_soft_kib;
	uint64_t block_hard_kib;
	uint64_t inode_soft;
	uint64_t inode_hard;
	uint64_t grace_s; /**< time over a soft limit before it counts as hard */
};

/** Limits of one user or group of the container. */
struct vzr_owner_limits {
	char *name;  /**< as in the document: a name or a decimal id, never NULL */
	uint32_t id; /**< in the container's passwd or group; valid when @resolved */
	bool resolved;
	struct vzr_limits limits;
};

enum vzr_root_type {
	VZR_ROOT_NONE,
	VZR_ROOT_TEMPLATE,
	VZR_ROOT_MOUNT,
	VZR_ROOT_FILE,
	VZR_ROOT_BLOCK,
	VZR_ROOT_BIND,
	VZR_ROOT_RAM
};

/** "template", "mount", ...; "none". Static. */
VZR_API const char *vzr_root_type_name(enum vzr_root_type type);

/** One <filesystem>. */
struct vzr_filesystem {
	enum vzr_root_type type;
	char *source; /**< template name, directory, file, device, or RAM size in bytes; or NULL */
	char *target; /**< mount point in the container; "/" for the root */
	bool readonly;
};

/** One <interface>. type is "ethernet", "bridge", ... as in the document. */
struct vzr_interface {
	char *type;
	char *mac;	  /**< 17 characters, or NULL */
	char *bridge;	  /**< source/@bridge, or NULL */
	char *host_name;  /**< target/@dev, or NULL */
	char *guest_name; /**< guest/@dev, or NULL */
	char **ips;	  /**< "ADDRESS" or "ADDRESS/PREFIX", @n_ips of them */
	size_t n_ips;
};

/** One <idmap> entry: container ids from @start are host ids from @target, @count of them. */
struct vzr_idmap {
	bool is_group;
	uint32_t start;
	uint32_t target;
	uint32_t count;
};

/** What a document says. Every text is owned by the struct; absent texts are NULL. */
struct vzr_domain {
	char *type;	     /**< "openvz", "lxc", ... */
	char *name;
	char *uuid;	     /**< 8-4-4-4-12 lower case */
	uint32_t ctid;	     /**< from a numeric name or <vpsid>; 0: none */
	char *arch;	     /**< os/type/@arch */
	char *init;	     /**< os/init */
	char *hostname;
	char *profile;	     /**< <profile> of 2007: the ve-PROFILE.conf-sample to start from */
	bool onboot;
	uint64_t memory_kib; /**< 0: not said */
	uint64_t current_memory_kib;
	uint32_t vcpus;	     /**< 0: not said */
	char **nameservers;
	size_t n_nameservers;
	struct vzr_interface *interfaces;
	size_t n_interfaces;
	struct vzr_idmap *idmaps;
	size_t n_idmaps;
	struct vzr_filesystem root;	    /**< type VZR_ROOT_NONE if the document has no root */
	struct vzr_filesystem *filesystems; /**< the others */
	size_t n_filesystems;
	struct vzr_limits vm;
	struct vzr_owner_limits *users;
	size_t n_users;
	struct vzr_owner_limits *groups;
	size_t n_groups;
	char **warnings; /**< one sentence each, "line N: ..." in front */
	size_t n_warnings;
};

/**
 * Reads one document of @length bytes (at most 1 MiB). @file stands in messages only.
 * -VZR_E_ILL_FORMED (not XML, or XML that is not accepted: DOCTYPE, not UTF-8, too large or deep)
 * or -VZR_E_INPUT (XML whose meaning is refused), both with line and column in @err.
 * A document without a template root is no error here.
 */
VZR_API VZR_CHECK int vzr_domain_load(const char *file, const char *text, size_t length,
				      struct vzr_domain **ret_domain, struct vzr_error *err);
VZR_API void vzr_domain_free(struct vzr_domain *domain);

/* ---- plan and creation -------------------------------------------------------------------- */

/** What the caller wants beside the document. Zero it, set @size, then the members you need. */
struct vzr_request {
	size_t size;	     /**< sizeof(struct vzr_request) of the caller */
	uint32_t ctid;	     /**< 0: from the document, or the first free one from 101 */
	const char *area;    /**< NULL: the best one */
	const char *quota;   /**< NULL: the best one; "none": the user's explicit way out */
	const char *handoff; /**< NULL: the best one */
	bool no_sync;	     /**< leave durability to the file system's own time */
};

/** What create would do. Texts are owned by the plan; NULL where not known yet. */
struct vzr_plan {
	uint32_t ctid;	 /**< 0: the first free one is taken at creation */
	char *template_name;
	char *digest;	 /**< "sha256:HEX" or NULL until it has been fetched */
	char *source;	 /**< name of the template source */
	char *trust;	 /**< why the bytes are trusted, one clause */
	char *location;	 /**< "cached", or the URL or path it would come from */
	char *area;
	char *quota;	 /**< back end, or "none" */
	char *handoff;
	char *private_path; /**< as the target sees it; may contain $VEID when ctid is 0 */
	uint64_t needs_kib; /**< room that the unpacked root takes; 0: not known until fetched */
	uint64_t needs_inodes;
	uint64_t free_kib;  /**< on the private areas' file system, for root */
	uint64_t free_inodes;
	char **notes;	    /**< reasons of the choices, one sentence each */
	size_t n_notes;
};

/**
 * Decides everything that can be decided without changing anything.
 * -VZR_E_NOTHING: the document has no template root. -VZR_E_NOT_FOUND, -VZR_E_AMBIGUOUS: template.
 * -VZR_E_QUOTA_UNSUPPORTED: a limit cannot be enforced. -VZR_E_OVER_QUOTA, -VZR_E_NO_SPACE: it
 * does not fit. -VZR_E_EXISTS: the container exists.
 */
VZR_API VZR_CHECK int vzr_plan(struct vzr_engine *engine, const struct vzr_domain *domain,
			       const struct vzr_request *request, struct vzr_plan **ret_plan,
			       struct vzr_error *err);
VZR_API void vzr_plan_free(struct vzr_plan *plan);

/** A container that vzroot made. Texts are owned by the struct. */
struct vzr_container {
	uint32_t ctid;
	char *name;
	char *uuid;
	char *hostname;
	char *private_path; /**< as the target sees it */
	char *template_name;
	char *digest; /**< "sha256:HEX" of the template's bytes */
	char *source;
	char *area;
	char *quota;	       /**< back end, or "none" */
	struct vzr_limits vm;  /**< as read back from the back end */
	struct vzr_owner_limits *users;
	size_t n_users;
	struct vzr_owner_limits *groups;
	size_t n_groups;
	char *handoff;
	char *specification; /**< "sha256:HEX" over document and request; equal: the same again */
	int64_t created;     /**< seconds since 1970 */
};

/** Makes the container, or leaves nothing behind. The CTID is unique under concurrency. */
VZR_API VZR_CHECK int vzr_create(struct vzr_engine *engine, const struct vzr_domain *domain,
				 const struct vzr_request *request,
				 struct vzr_container **ret_container, struct vzr_error *err);

/** Every container that vzroot made, by CTID. *ret_list is an array to free with the count. */
VZR_API VZR_CHECK int vzr_container_list(struct vzr_engine *engine,
					 struct vzr_container ***ret_list, size_t *ret_count,
					 struct vzr_error *err);
VZR_API VZR_CHECK int vzr_container_load(struct vzr_engine *engine, uint32_t ctid,
					 struct vzr_container **ret_container,
					 struct vzr_error *err);
VZR_API void vzr_container_free(struct vzr_container *container);
VZR_API void vzr_container_list_free(struct vzr_container **list, size_t count);

/** Removes a container of ours: registration first, then quota, then the tree. */
VZR_API VZR_CHECK int vzr_destroy(struct vzr_engine *engine, uint32_t ctid, struct vzr_error *err);

/** Undoes or completes what dead owners left; *ret_count journals were handled. */
VZR_API VZR_CHECK int vzr_recover(struct vzr_engine *engine, unsigned int *ret_count,
				  struct vzr_error *err);

/** One thing that this host can or cannot do. */
struct vzr_finding {
	const char *what;
	int state;	    /**< 1 works, 0 does not work, -1 could not be told */
	const char *detail; /**< what was found, or how to enable it */
};
typedef void (*vzr_finding_fn)(void *data, const struct vzr_finding *finding);

/** Looks at the host and calls @fn for each finding. Changes nothing. */
VZR_API VZR_CHECK int vzr_doctor(struct vzr_engine *engine, vzr_finding_fn fn, void *data,
				 struct vzr_error *err);

/* ---- batches ------------------------------------------------------------------------------ */

/** Many containers, planned as one and made by several processes. */
struct vzr_batch;

/** How a batch is run. Zero it, set @size, then the members you need. Texts are borrowed. */
struct vzr_batch_options {
	size_t size;		    /**< sizeof(struct vzr_batch_options) of the caller */
	struct vzr_request request; /**< for every container; its ctid does not count */
	unsigned int workers;	    /**< processes that make containers; 0: as many as cores */
	bool keep_going;	    /**< a failure does not keep the rest from being started */
	uint32_t first_ctid;	    /**< where free ids are looked for; 0: 101 */
	const char *memo;   /**< one line that vzr_batch_pending() gives back; NULL: no state */
	const char *resume; /**< id that vzr_batch_pending() told: go on with that one; or NULL */
};

enum vzr_batch_state {
	VZR_BATCH_WAITING, /**< not begun, or taken back when the batch was cancelled */
	VZR_BATCH_RUNNING, /**< in the hands of a worker */
	VZR_BATCH_CREATED, /**< made by this run */
	VZR_BATCH_SAME,	   /**< was there already with the same specification */
	VZR_BATCH_FAILED   /**< failed, and nothing of it is left */
};

#define VZR_BATCH_STAGES 12

/** When one stage of one container was done, in microseconds since vzr_batch_run() began. */
struct vzr_batch_stage {
	char name[16];	   /**< as in the events */
	uint64_t begun_us; /**< its begin */
	uint64_t ended_us; /**< its end; 0: it did not end */
};

/** One container of a batch. Lent by the batch. */
struct vzr_batch_item {
	size_t index;	   /**< in the order of vzr_batch_add() */
	const char *label; /**< as given */
	const char *name;  /**< the container's name, or NULL */
	const char *template_name; /**< as the document says it */
	uint32_t ctid;	   /**< 0 until it is planned */
	enum vzr_batch_state state;
	struct vzr_error error; /**< of state FAILED, or why the plan refuses it */
	uint64_t begun_us; /**< since vzr_batch_run() began; 0: not begun */
	uint64_t ended_us; /**< 0: not ended */
	struct vzr_batch_stage stages[VZR_BATCH_STAGES];
	size_t n_stages; /**< of stages */
};

/** What became of a batch so far. */
struct vzr_batch_totals {
	size_t waiting, running, created, same, failed; /**< containers in each state */
	uint64_t elapsed_us; /**< since vzr_batch_run() began */
};

/**
 * Told of every step: with @event, what happened while @item is made; without, that the state of
 * @item changed. @item NULL: neither; some time has passed.
 */
typedef void (*vzr_batch_fn)(void *data, const struct vzr_batch_item *item,
			     const struct vzr_event *event);

/** An empty batch over @engine (borrowed). */
VZR_API VZR_CHECK int vzr_batch_new(struct vzr_engine *engine,
				    const struct vzr_batch_options *options,
				    struct vzr_batch **ret_batch, struct vzr_error *err);
VZR_API void vzr_batch_free(struct vzr_batch *batch);

/**
 * Adds one container. @label stands in messages (copied). @domain is taken over, also on failure.
 * @ctid 0: from the document, or the first free one.
 */
VZR_API VZR_CHECK int vzr_batch_add(struct vzr_batch *batch, const char *label,
				    struct vzr_domain *domain, uint32_t ctid,
				    struct vzr_error *err);

/**
 * Plans all of them at once and changes nothing: everything that can be refused is refused here.
 * Each item that is refused has its error; @err is the first. Besides those of vzr_plan():
 * -VZR_E_INPUT for an id, name, UUID or address that two of them have; -VZR_E_EXISTS for a
 * container that is there with another specification; -VZR_E_NO_SPACE if they do not fit together.
 */
VZR_API VZR_CHECK int vzr_batch_plan(struct vzr_batch *batch, struct vzr_error *err);

/**
 * Makes what vzr_batch_plan() found to be made. Forks: call it from a process without threads.
 * 0, or the first failure; -VZR_E_CANCELLED when cancelled: what was in flight is finished or
 * taken back by then.
 */
VZR_API VZR_CHECK int vzr_batch_run(struct vzr_batch *batch, vzr_batch_fn fn, void *data,
				    struct vzr_error *err);

/** Container number @index, or NULL past the last one. */
VZR_API const struct vzr_batch_item *vzr_batch_get(const struct vzr_batch *batch, size_t index);

/** How many containers are in which state. */
VZR_API void vzr_batch_count(const struct vzr_batch *batch, struct vzr_batch_totals *ret_totals);

#define VZR_BATCH_ID 40

/**
 * The newest batch that was not finished and that nobody works on: its id for options.resume and
 * its memo (the caller frees). -VZR_E_NOT_FOUND if there is none, -VZR_E_BUSY if one is at work.
 */
VZR_API VZR_CHECK int vzr_batch_pending(struct vzr_engine *engine, char ret_id[VZR_BATCH_ID],
					char **ret_memo, struct vzr_error *err);

/**
 * Changes one value of a domain, with the checks that a document's value gets. @key: name, uuid,
 * template, hostname, ips (separated by blanks or commas), vm_block_soft, vm_block_hard (a number
 * with a unit of libvirt's table; without one, KiB), vm_inode_soft, vm_inode_hard, user:NAME or
 * group:NAME ("BLOCKS" or "BLOCKS/INODES", each "SOFT:HARD" or "HARD"). @value "none" takes a
 * limit, name, uuid or hostname away. -VZR_E_INPUT. Call vzr_domain_check() when all are set.
 */
VZR_API VZR_CHECK int vzr_domain_set(struct vzr_domain *domain, const char *key,
				     const char *value, struct vzr_error *err);

/** What can be wrong only when all values are known: soft limits without hard ones or above. */
VZR_API VZR_CHECK int vzr_domain_check(const struct vzr_domain *domain, struct vzr_error *err);

/* ---- templates ---------------------------------------------------------------------------- */

/** One template, in the cache or offered by a source. Texts are owned; NULL where not known. */
struct vzr_template {
	char *name;
	char *source;
	char *digest;		/**< "sha256:HEX" or "sha512:HEX" */
	char *trust;		/**< one clause: why its bytes are (or would be) trusted */
	char *location;		/**< URL or path it came or would come from */
	bool cached;		/**< whole and verified in our cache */
	uint64_t size_bytes;	/**< of the archive; 0: not known */
	uint64_t unpacked_kib;	/**< 0: not known */
	uint64_t unpacked_inodes; /**< 0: not known */
	int64_t time;		/**< when it was cached; 0: it is not */
};

VZR_API void vzr_template_free(struct vzr_template *tmpl);
VZR_API void vzr_template_list_free(struct vzr_template **list, size_t count);

/** Cached templates and those of local sources; with @remote, those of every enabled source. */
VZR_API VZR_CHECK int vzr_template_list(struct vzr_engine *engine, bool remote,
					struct vzr_template ***ret_list, size_t *ret_count,
					struct vzr_error *err);

/** What @name resolves to. Fetches no payload. */
VZR_API VZR_CHECK int vzr_template_show(struct vzr_engine *engine, const char *name,
					struct vzr_template **ret_template, struct vzr_error *err);

/** One template that a name could mean. Texts are valid during the call only. */
struct vzr_candidate {
	const char *name;   /**< its full name */
	const char *source; /**< name of the source, "cache" */
	const char *trust;  /**< why its bytes are (or would be) trusted; NULL: not known */
	bool cached;	    /**< in the cache */
	bool chosen;	    /**< what the name means */
	const char *reason; /**< one clause: why it is chosen, or why not */
};
typedef void (*vzr_candidate_fn)(void *data, const struct vzr_candidate *candidate);

/**
 * Calls @fn for everything that @name could mean, the chosen one first, and then answers as
 * vzr_template_show() would: -VZR_E_NOT_FOUND, -VZR_E_AMBIGUOUS (none is chosen then).
 */
VZR_API VZR_CHECK int vzr_template_explain(struct vzr_engine *engine, const char *name,
					   vzr_candidate_fn fn, void *data,
					   struct vzr_error *err);

/** Flags of vzr_template_pull(). */
#define VZR_PULL_PUBLISH (1u << 0) /**< also put it into TEMPLATE/cache for vzctl */
#define VZR_PULL_REFRESH (1u << 1) /**< ask the source even when it is cached */

/**
 * Gets @name into the cache, verified. Returns 1 if it was there already.
 * -VZR_E_NOT_TRUSTED, -VZR_E_DIGEST, -VZR_E_SIGNATURE: nothing was made visible.
 */
VZR_API VZR_CHECK int vzr_template_pull(struct vzr_engine *engine, const char *name,
					unsigned int flags, struct vzr_template **ret_template,
					struct vzr_error *err);

/** Takes the archive that @fd (read from its position to its end) holds as @name. */
VZR_API VZR_CHECK int vzr_template_import(struct vzr_engine *engine, int fd, const char *name,
					  const char *sha256_hex,
					  struct vzr_template **ret_template,
					  struct vzr_error *err);

/** Reads the cached bytes of @name again; -VZR_E_DIGEST if they changed (and hides them). */
VZR_API VZR_CHECK int vzr_template_verify(struct vzr_engine *engine, const char *name,
					  struct vzr_error *err);

/** Removes @name from the cache; -VZR_E_BUSY while it is being used. */
VZR_API VZR_CHECK int vzr_template_remove(struct vzr_engine *engine, const char *name,
					  struct vzr_error *err);

/**
 * Makes the prepared form of @name that containers are cloned from, beside the private areas, and
 * fetches the template first if it is not cached. Returns 1 if it was there already.
 * -VZR_E_NO_SPACE if it would leave less free than the setting BASE_RESERVE.
 */
VZR_API VZR_CHECK int vzr_template_prepare(struct vzr_engine *engine, const char *name,
					   struct vzr_error *err);

/** A prepared form. Texts are valid during the call only. */
struct vzr_prepared {
	const char *digest;	  /**< "sha256:HEX" of the template's bytes */
	uint64_t unpacked_kib;	  /**< 0: not known */
	uint64_t unpacked_inodes; /**< 0: not known */
	int64_t last_use;	  /**< seconds since 1970 */
	bool removed;		  /**< or would be; false: a container is being made from it */
};
typedef void (*vzr_prepared_fn)(void *data, const struct vzr_prepared *prepared);

/**
 * Removes prepared forms that no creation uses right now, unless they were used after
 * @unused_since (seconds since 1970; INT64_MAX: all go). Templates and containers stay. @fn (may
 * be NULL) is called for each form. With @dry_run nothing is removed.
 */
VZR_API VZR_CHECK int vzr_template_prune(struct vzr_engine *engine, int64_t unused_since,
					 bool dry_run, vzr_prepared_fn fn, void *data,
					 struct vzr_error *err);

#ifdef __cplusplus
}
#endif
