/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Template names: their parts, the architecture tables, and which of several is meant. */
#pragma once

#include "engine/base/error.h"

/** Whose spellings of architectures a source uses; "armhf" is not the same in all of them. */
enum vzr_arch_names {
	VZR_ARCH_DEBIAN,
	VZR_ARCH_OPENVZ,
	VZR_ARCH_OCI,
	VZR_ARCH_ALPINE,
	VZR_ARCH_INCUS
};

/** Parses "debian", "openvz", "oci", "alpine", "incus". False for anything else. */
bool vzr_arch_names_parse(const char *text, enum vzr_arch_names *ret_names);

/**
 * Canonical name ("x86_64", "i686", "aarch64", "armv7", ...) of what a source with @names calls
 * @spelling, or NULL if it is no architecture. Spellings of other sources are understood too
 * where @names has no meaning of its own for them. Static text.
 */
const char *vzr_arch_canonical(enum vzr_arch_names names, const char *spelling);

/** Canonical name of what uname(2) calls @machine, or @machine itself. */
const char *vzr_arch_native(const char *machine);

/** Canonical name of an ELF machine, as its header says it; NULL if unknown. Static text. */
const char *vzr_arch_of_elf(uint16_t machine, bool is_64, bool is_little);

#define VZR_NAME_WORDS 16

/**
 * A name in parts. "fedora-core6-i386-minimal" is distro "fedora", version "6", arch "i686" and the
 * words "core", "minimal". Texts point into @text.
 */
struct vzr_name_parts {
	char *text;	     /**< a copy of the name, cut into pieces; freed by parts_done */
	const char *distro;  /**< first piece, without a version glued to it; never NULL */
	const char *version; /**< first piece of digits and dots, or the digits glued to a word */
	const char *build;   /**< a later piece of digits only (a date); or NULL */
	const char *arch;    /**< canonical, static; NULL: none */
	const char *words[VZR_NAME_WORDS]; /**< every other piece, in order */
	size_t n_words;
};

/** Splits @name at '-'. -VZR_E_INPUT if it has too many pieces; -ENOMEM. Fills no message. */
VZR_MUST_CHECK int vzr_name_split(const char *name, enum vzr_arch_names names,
				  struct vzr_name_parts *ret_parts);
void vzr_name_parts_done(struct vzr_name_parts *parts);
#define VZR_AUTO_NAME_PARTS __attribute__((cleanup(vzr_name_parts_done)))

/**
 * True if @candidate is what @wanted asks for: same distro, its version or a release of it
 * ("12" takes "12.5"), the architecture asked for or @native, and every word asked for.
 */
bool vzr_name_matches(const struct vzr_name_parts *wanted, const char *native,
		      const struct vzr_name_parts *candidate);

/**
 * Which of two matching candidates is meant by @wanted: > 0 @a, < 0 @b, 0 neither (ambiguous if
 * they are not the same name). The version exactly as asked for goes before others, then the newer
 * version, then no words that nobody asked for; of two with the same words the newer build.
 */
int vzr_name_prefer(const struct vzr_name_parts *wanted, const struct vzr_name_parts *a,
		    const struct vzr_name_parts *b);

/** Number of edits between two names, at most 255 bytes each are looked at: for "did you mean". */
unsigned int vzr_name_distance(const char *a, const char *b);
