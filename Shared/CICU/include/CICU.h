#pragma once
#include <stddef.h>
#include <stdint.h>

// ICU renames every function by its version (u_strlen becomes u_strlen_72), so Swift code that called it directly
// would have to change with each release. These few functions speak UTF-8 and hide the names.
// Returned strings are malloc'd, of *out_length bytes without a terminator, and belong to the caller; NULL = failed.

/// NFKC with case folding and without default-ignorable characters (unorm2_getNFKCCasefoldInstance).
char *cicu_fold(const char *utf8, int32_t length, int32_t *out_length);

/// utrans_openU; NULL when the id is unknown. Close with cicu_transliterator_close.
void *cicu_transliterator_open(const char *id);
void cicu_transliterator_close(void *transliterator);
/// utrans_transUChars.
char *cicu_transliterate(void *transliterator, const char *utf8, int32_t length, int32_t *out_length);
