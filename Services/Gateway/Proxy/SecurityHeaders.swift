import HTTP

/// What every answer says to browsers: no guessing of types, no frames, nothing stored that was not meant to be.
enum SecurityHeaders {
    static func around(_ handler: @escaping HTTPHandler) -> HTTPHandler {
        { request in
            var response = await handler(request)
            response.headers["X-Content-Type-Options"] = "nosniff"
            response.headers["X-Frame-Options"] = "DENY"
            response.headers["Referrer-Policy"] = "no-referrer"
            if !response.headers.contains("Content-Security-Policy") {
                response.headers.add("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
            }
            if !response.headers.contains("Cache-Control") { response.headers.add("Cache-Control", "no-store") }
            return response
        }
    }
}
