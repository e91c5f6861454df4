import Foundation
import HTTP
import JSON
import Values

/// The pages by which people do what needs no program: files of this module, in both languages.
struct Pages: Sendable {
    private let files: [String: [UInt8]]

    /// Reads the files.
    init() throws {
        let folder = Bundle.module.bundleURL.appending(path: "Pages")
        var files: [String: [UInt8]] = [:]
        for file in try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil) {
            files[file.lastPathComponent] = Array(try Data(contentsOf: file))
        }
        self.files = files
    }

    var endpoints: [Endpoint] {
        [
            page("/password-reset", "getPasswordPage", "The page on which a user sets a password", "password-reset"),
            Endpoint(
                .get, "/pages/{file}", id: "getPageFile", summary: "What a page consists of", permission: .everyone,
                parameters: [.path("file", "Its name.", schema: ["type": "string"])],
                responses: [ResponseSpec(200, "The file.")], errors: [.notFound]
            ) { call in
                let name = call.path.string("file")
                guard let type = Self.type(of: name) else { throw Problem(.notFound) }
                return try answer(name, type)
            },
        ]
    }

    private func page(_ path: String, _ id: String, _ summary: String, _ name: String) -> Endpoint {
        Endpoint(
            .get, path, id: id, summary: summary, permission: .everyone, responses: [ResponseSpec(200, summary)]
        ) { call in
            var response = try answer("\(name).\(call.language.rawValue).html", "text/html; charset=utf-8")
            response.headers["Vary"] = "Accept-Language"
            response.headers["Content-Security-Policy"] = """
                default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; \
                form-action 'none'; frame-ancestors 'none'
                """
            return response
        }
    }

    private func answer(_ name: String, _ type: String) throws(Problem) -> HTTPResponse {
        guard let bytes = files[name] else { throw Problem(.notFound) }
        return HTTPResponse(
            .ok, headers: ["Content-Type": type, "Cache-Control": "max-age=60"], body: .bytes(bytes))
    }

    /// Nil for what is no part of a page.
    private static func type(of name: String) -> String? {
        if name.hasSuffix(".js") { return "text/javascript; charset=utf-8" }
        return name.hasSuffix(".css") ? "text/css; charset=utf-8" : nil
    }
}
