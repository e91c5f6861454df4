#pragma once
#include <unicode/ucol.h>
