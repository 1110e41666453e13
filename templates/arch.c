/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Architecture names: one table, one column per kind of source. */
#include "templates/name.h"

#include "engine/base/cleanup.h"

#include <elf.h>
#include <string.h>

/* Not in every system's elf.h. */
#ifndef EM_LOONGARCH
#define EM_LOONGARCH 258
#endif

#define SPELLINGS 5

struct arch {
	const char *canonical;
	const char *debian[SPELLINGS];
	const char *openvz[SPELLINGS];
	const char *oci[SPELLINGS];
	const char *alpine[SPELLINGS];
	const char *incus[SPELLINGS];
	const char *uname[SPELLINGS];
};

/* "armhf" is ARMv7 in Debian's names and ARMv6 in Alpine's: the columns are never merged. */
static const struct arch archs[] = {
	{ "x86_64",
	  { "amd64", "x86_64" },
	  { "x86_64", "amd64" },
	  { "amd64" },
	  { "x86_64" },
	  { "x86_64", "amd64" },
	  { "x86_64" } },
	{ "i686",
	  { "i386", "i686" },
	  { "x86", "i386", "i586", "i686" },
	  { "386" },
	  { "x86" },
	  { "i686", "i386" },
	  { "i686", "i386", "i486", "i586" } },
	{ "aarch64",
	  { "arm64" },
	  { "aarch64" },
	  { "arm64" },
	  { "aarch64" },
	  { "aarch64", "arm64" },
	  { "aarch64" } },
	{ "armv7",
	  { "armhf" },
	  { NULL },
	  { "armv7" },
	  { "armv7" },
	  { "armv7l", "armhf" },
	  { "armv7l", "armv8l" } },
	{ "armv6", { "armv6" }, { NULL }, { "armv6" }, { "armhf" }, { "armv6l" }, { "armv6l" } },
	{ "armv5", { "armel" }, { NULL }, { "armv5" }, { NULL }, { "armel" }, { "armv5tel" } },
	{ "ppc64le",
	  { "ppc64el" },
	  { NULL },
	  { "ppc64le" },
	  { "ppc64le" },
	  { "ppc64le" },
	  { "ppc64le" } },
	{ "s390x", { "s390x" }, { NULL }, { "s390x" }, { "s390x" }, { "s390x" }, { "s390x" } },
	{ "riscv64",
	  { "riscv64" },
	  { NULL },
	  { "riscv64" },
	  { "riscv64" },
	  { "riscv64" },
	  { "riscv64" } },
	{ "loongarch64",
	  { "loong64" },
	  { NULL },
	  { "loong64" },
	  { "loongarch64" },
	  { "loongarch64" },
	  { "loongarch64" } },
};

/* The order in which other columns are asked for a spelling that a source's own does not have. */
static const enum vzr_arch_names columns[] = { VZR_ARCH_DEBIAN, VZR_ARCH_OPENVZ, VZR_ARCH_INCUS,
					       VZR_ARCH_OCI, VZR_ARCH_ALPINE };

static const char *const *column(const struct arch *arch, enum vzr_arch_names names)
{
	switch (names) {
	case VZR_ARCH_OPENVZ:
		return arch->openvz;
	case VZR_ARCH_OCI:
		return arch->oci;
	case VZR_ARCH_ALPINE:
		return arch->alpine;
	case VZR_ARCH_INCUS:
		return arch->incus;
	case VZR_ARCH_DEBIAN:
		break;
	}
	return arch->debian;
}

static bool has(const char *const *spellings, const char *text)
{
	for (size_t i = 0; i < SPELLINGS && spellings[i]; i++)
		if (strcmp(spellings[i], text) == 0)
			return true;
	return false;
}

static const char *find(enum vzr_arch_names names, const char *spelling)
{
	for (size_t i = 0; i < VZR_COUNT(archs); i++)
		if (has(column(&archs[i], names), spelling))
			return archs[i].canonical;
	return NULL;
}

bool vzr_arch_names_parse(const char *text, enum vzr_arch_names *ret_names)
{
	static const char *const names[] = { [VZR_ARCH_DEBIAN] = "debian",
					     [VZR_ARCH_OPENVZ] = "openvz",
					     [VZR_ARCH_OCI] = "oci",
					     [VZR_ARCH_ALPINE] = "alpine",
					     [VZR_ARCH_INCUS] = "incus" };

	for (size_t i = 0; i < VZR_COUNT(names); i++)
		if (strcmp(names[i], text) == 0) {
			*ret_names = (enum vzr_arch_names)i;
			return true;
		}
	return false;
}

const char *vzr_arch_canonical(enum vzr_arch_names names, const char *spelling)
{
	const char *found = find(names, spelling);

	for (size_t i = 0; i < VZR_COUNT(archs) && !found; i++)
		if (strcmp(archs[i].canonical, spelling) == 0)
			found = archs[i].canonical;
	for (size_t i = 0; i < VZR_COUNT(columns) && !found; i++)
		found = find(columns[i], spelling);
	return found;
}

const char *vzr_arch_native(const char *machine)
{
	for (size_t i = 0; i < VZR_COUNT(archs); i++)
		if (has(archs[i].uname, machine))
			return archs[i].canonical;
	return machine;
}

const char *vzr_arch_of_elf(uint16_t machine, bool is_64, bool is_little)
{
	switch (machine) {
	case EM_X86_64:
		return is_64 ? "x86_64" : NULL;
	case EM_386:
		return "i686";
	case EM_AARCH64:
		return "aarch64";
	case EM_ARM:
		return "armv7";
	case EM_PPC64:
		return is_little ? "ppc64le" : NULL;
	case EM_S390:
		return is_64 ? "s390x" : NULL;
	case EM_RISCV:
		return is_64 ? "riscv64" : NULL;
	case EM_LOONGARCH:
		return is_64 ? "loongarch64" : NULL;
	default:
		return NULL;
	}
}
