// The parts of libcurl that Swift cannot call: its variadic functions, once per type of argument.
#pragma once
#include <curl/curl.h>

CURLcode ccurl_set_long(CURL *easy, CURLoption option, long value);
CURLcode ccurl_set_offset(CURL *easy, CURLoption option, curl_off_t value);
CURLcode ccurl_set_string(CURL *easy, CURLoption option, const char *value);
CURLcode ccurl_set_pointer(CURL *easy, CURLoption option, const void *value);
CURLcode ccurl_set_list(CURL *easy, CURLoption option, struct curl_slist *value);

typedef size_t (*ccurl_data_callback)(char *data, size_t size, size_t count, void *context);
typedef curl_socket_t (*ccurl_open_socket_callback)(
    void *context, curlsocktype purpose, struct curl_sockaddr *address);
typedef int (*ccurl_close_socket_callback)(void *context, curl_socket_t socket);
typedef int (*ccurl_seek_callback)(void *context, curl_off_t offset, int origin);
typedef int (*ccurl_socket_callback)(CURL *easy, curl_socket_t socket, int what, void *context, void *socket_context);
typedef int (*ccurl_timer_callback)(CURLM *multi, long milliseconds, void *context);

/// `CURLOPT_WRITEFUNCTION`, `CURLOPT_READFUNCTION`, `CURLOPT_HEADERFUNCTION`.
CURLcode ccurl_set_data_callback(CURL *easy, CURLoption option, ccurl_data_callback callback);
/// `CURLOPT_OPENSOCKETFUNCTION` and its data.
CURLcode ccurl_set_open_socket(CURL *easy, ccurl_open_socket_callback callback, void *context);
/// `CURLOPT_CLOSESOCKETFUNCTION` and its data.
CURLcode ccurl_set_close_socket(CURL *easy, ccurl_close_socket_callback callback, void *context);
/// `CURLOPT_SEEKFUNCTION`; its data is set with `ccurl_set_pointer`.
CURLcode ccurl_set_seek(CURL *easy, ccurl_seek_callback callback);

CURLMcode ccurl_multi_set_long(CURLM *multi, CURLMoption option, long value);
/// `CURLMOPT_SOCKETFUNCTION`, `CURLMOPT_TIMERFUNCTION` and their data.
CURLMcode ccurl_multi_set_callbacks(
    CURLM *multi, ccurl_socket_callback socket, ccurl_timer_callback timer, void *context);

/// Lets every transfer look at its sockets and its time. (Deprecated in libcurl for what it costs with many transfers.)
CURLMcode ccurl_multi_socket_all(CURLM *multi, int *running);

/// The next finished transfer, or null when there is none; its result goes to `result`.
CURL *ccurl_multi_next_finished(CURLM *multi, CURLcode *result);

/// Whether the address may be reached from outside for anyone: not loopback, private, link-local, carrier-grade NAT,
/// multicast, unspecified, documentation or reserved, also when mapped into IPv6.
int ccurl_is_public_address(const struct curl_sockaddr *address);
