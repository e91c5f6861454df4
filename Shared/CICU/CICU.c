#include "CICU.h"

#include <stdlib.h>
#include <string.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>
#include <unicode/utrans.h>

/// UTF-8 to UTF-16 with room for `spare` more units; broken UTF-8 becomes U+FFFD.
static UChar *widen(const char *utf8, int32_t length, int32_t spare, int32_t *out_length) {
    // A UTF-8 string never has more UTF-16 units than bytes.
    UChar *wide = malloc(((size_t)length + (size_t)spare + 1) * sizeof(UChar));
    if (!wide) return NULL;
    UErrorCode status = U_ZERO_ERROR;
    u_strFromUTF8WithSub(wide, length + 1, out_length, utf8, length, 0xFFFD, NULL, &status);
    if (U_FAILURE(status)) {
        free(wide);
        return NULL;
    }
    return wide;
}

/// UTF-16 to UTF-8; frees `wide`.
static char *narrow(UChar *wide, int32_t length, int32_t *out_length) {
    int32_t capacity = length * 3 + 1;
    char *utf8 = malloc((size_t)capacity);
    UErrorCode status = U_ZERO_ERROR;
    if (utf8) u_strToUTF8WithSub(utf8, capacity, out_length, wide, length, 0xFFFD, NULL, &status);
    free(wide);
    if (utf8 && U_FAILURE(status)) {
        free(utf8);
        return NULL;
    }
    return utf8;
}

char *cicu_fold(const char *utf8, int32_t length, int32_t *out_length) {
    UErrorCode status = U_ZERO_ERROR;
    const UNormalizer2 *normalizer = unorm2_getNFKCCasefoldInstance(&status);
    if (U_FAILURE(status)) return NULL;
    int32_t wide_length = 0;
    UChar *wide = widen(utf8, length, 0, &wide_length);
    if (!wide) return NULL;
    // One character can become at most 18 (U+FDFA).
    int32_t capacity = wide_length * 18 + 1;
    UChar *folded = malloc((size_t)capacity * sizeof(UChar));
    int32_t folded_length = 0;
    if (folded) folded_length = unorm2_normalize(normalizer, wide, wide_length, folded, capacity, &status);
    free(wide);
    if (folded && U_FAILURE(status)) {
        free(folded);
        return NULL;
    }
    return folded ? narrow(folded, folded_length, out_length) : NULL;
}

void *cicu_transliterator_open(const char *id) {
    UChar wide[128];
    int32_t length = 0;
    UErrorCode status = U_ZERO_ERROR;
    u_strFromUTF8(wide, 128, &length, id, -1, &status);
    UTransliterator *transliterator = utrans_openU(wide, length, UTRANS_FORWARD, NULL, 0, NULL, &status);
    return U_FAILURE(status) ? NULL : transliterator;
}

void cicu_transliterator_close(void *transliterator) { utrans_close(transliterator); }

char *cicu_transliterate(void *transliterator, const char *utf8, int32_t length, int32_t *out_length) {
    int32_t spare = length * 6 + 32;
    for (;;) {
        int32_t wide_length = 0;
        UChar *wide = widen(utf8, length, spare, &wide_length);
        if (!wide) return NULL;
        int32_t limit = wide_length;
        UErrorCode status = U_ZERO_ERROR;
        utrans_transUChars(transliterator, wide, &wide_length, length + spare + 1, 0, &limit, &status);
        if (U_SUCCESS(status)) return narrow(wide, wide_length, out_length);
        free(wide);
        if (status != U_BUFFER_OVERFLOW_ERROR || spare > (1 << 26)) return NULL;
        spare *= 4;
    }
}
