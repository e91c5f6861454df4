import HTTP
import JSON
import Runtime
import Synchronization
import Testing
import Values

private let lead = Schema("Lead", ["type": "object"])

private func endpoint(
    _ method: HTTPMethod, _ path: String, id: String, permission: Permission = .everyone,
    parameters: [Parameter] = [], query: QueryPolicy = .declared, body: RequestBody? = nil,
    lane: Lane = .quick, timeout: Duration = .seconds(5),
    handle: @escaping Endpoint.Handle = { call in .json(.string(call.operation)) }
) -> Endpoint {
    Endpoint(
        method, path, id: id, summary: id, permission: permission, parameters: parameters, query: query, body: body,
        responses: [ResponseSpec(200, "Done.")], lane: lane, timeout: timeout, handle: handle)
}

private func router(
    _ endpoints: [Endpoint], mounts: [Mount] = [], middleware: [any Middleware] = []
) throws -> Router {
    try Router(
        endpoints, mounts: mounts, middleware: middleware,
        events: RouterEvents(unexpected: { error, _, _ in Issue.record("unexpected \(error)") }))
}

extension Router {
    fileprivate func json(
        _ method: HTTPMethod, _ target: String, headers: HTTPHeaders = [:], body: String = ""
    ) async throws -> (status: Int, json: JSON) {
        let request = HTTPRequest(
            method, target, headers: headers, body: body.isEmpty ? .none : .text(body), id: "request-1")
        let response = await respond(to: request)
        return (response.status.code, try JSON.parse(await response.body.collect(upTo: 1 << 20)))
    }
}

@Suite struct RouterTests {
    @Test func staticSegmentsBeatParametersAndBacktrack() async throws {
        let router = try router([
            endpoint(.get, "/v1/leads", id: "list"), endpoint(.get, "/v1/leads/{id}", id: "get"),
            endpoint(.get, "/v1/leads/imports", id: "imports"),
            endpoint(.post, "/v1/leads/{id}/convert", id: "convert"),
            endpoint(.get, "/v1/leads/{leadID}/notes/{note}", id: "note"),
        ])
        #expect(try await router.json(.get, "/v1/leads").json == "list")
        #expect(try await router.json(.get, "/v1/leads/7").json == "get")
        #expect(try await router.json(.get, "/v1/leads/imports").json == "imports")
        #expect(try await router.json(.post, "/v1/leads/imports/convert").json == "convert")
        #expect(try await router.json(.get, "/v1/leads/7/notes/8").json == "note")
        for path in ["/v1/leads/", "/v1//leads", "/v1/leads/7/", "/v1/lead%73", "/v1", "/", "*", "/v1/leads/7/notes"] {
            #expect(try await router.json(.get, path).json["code"] == "notFound", "\(path)")
        }
    }

    /// A secret in an address is for the handler alone.
    @Test func whatIsToldOfACallHasNoSecretOfItsPath() async throws {
        let told = Mutex<[String]>([])
        let router = try Router(
            [
                endpoint(
                    .get, "/resets/{token}/now", id: "reset",
                    parameters: [.path("token", "", schema: ["type": "string"], isSecret: true)]
                ) { call in
                    #expect(call.path.string("token") == "hush")
                    throw Problem(.conflict)
                }, endpoint(.get, "/leads/{id}", id: "lead"),
            ],
            events: RouterEvents(
                unexpected: { _, _, _ in }, answered: { request, _, _, _ in told.withLock { $0.append(request.path) } })
        )
        #expect(try await router.json(.get, "/resets/hush/now").status == 409)
        #expect(try await router.json(.get, "/leads/17").status == 200)
        #expect(told.withLock { $0 } == ["/resets/{token}/now", "/leads/17"])
    }

    @Test func pathParametersAreDecodedOnceAfterRouting() async throws {
        let router = try router([
            endpoint(.get, "/x/{a}/{b}", id: "x") {
                .json([.string($0.path.string("a")), .string($0.path.string("b"))])
            },
            endpoint(.get, "/id/{id}", id: "id") { .json(.string(try $0.id().lowercased)) },
        ])
        #expect(try await router.json(.get, "/x/a%2Fb/%2525").json == ["a/b", "%25"])
        #expect(try await router.json(.get, "/x/%E5%BC%A0+/c").json == ["张+", "c"])
        for bad in ["%zz", "%4", "%00", "%ff"] {
            #expect(try await router.json(.get, "/x/\(bad)/c").json["code"] == "malformedRequest", "\(bad)")
        }
        let refused = try await router.json(.get, "/id/17")
        #expect(refused.status == 400)
        #expect(refused.json["errors"]?[0]?["path"] == "id")
    }

    @Test func otherMethodsAreAnswered() async throws {
        let router = try router([endpoint(.get, "/a", id: "read"), endpoint(.delete, "/a", id: "remove")])
        let refused = await router.respond(to: HTTPRequest(.post, "/a"))
        #expect(refused.status == 405)
        #expect(refused.headers["Allow"] == "DELETE, GET, HEAD, OPTIONS")
        let options = await router.respond(to: HTTPRequest(.options, "/a"))
        #expect(options.status == 204)
        #expect(options.headers["Allow"] == "DELETE, GET, HEAD, OPTIONS")
        #expect(await router.respond(to: HTTPRequest(.head, "/a")).status == 200)
    }

    @Test func mountsTakeWhatNoEndpointTakes() async throws {
        let mount = { (prefix: String) in
            Mount(prefix, id: "mount \(prefix)", permission: .everyone) { .json(.string($0.operation)) }
        }
        let router = try router(
            [endpoint(.get, "/v1/leads/special", id: "special")], mounts: [mount("/v1/leads"), mount("/v1/leads/x")])
        #expect(try await router.json(.get, "/v1/leads/special").json == "special")
        #expect(try await router.json(.patch, "/v1/leads/7?anything=1").json == "mount /v1/leads")
        #expect(try await router.json(.get, "/v1/leads").json == "mount /v1/leads")
        #expect(try await router.json(.get, "/v1/leads/x/y").json == "mount /v1/leads/x")
        #expect(try await router.json(.get, "/v1/leadsx").status == 404)
    }

    @Test func contradictionsStopTheStart() {
        let message = { (endpoints: [Endpoint]) in
            #expect(throws: RouteConflict.self) { try router(endpoints) }?.description ?? ""
        }
        #expect(message([endpoint(.get, "/a", id: "a"), endpoint(.get, "/b", id: "a")]).contains("operation id a"))
        #expect(
            message([endpoint(.get, "/a/{x}", id: "a"), endpoint(.get, "/a/{y}", id: "b")]).contains("both a and b"))
        #expect(message([endpoint(.get, "/a{x}", id: "a")]).contains("malformed"))
        #expect(message([endpoint(.get, "/a", id: "a", parameters: [.path("id", "")])]).contains("differ"))
        // A proxy knows the lane by the address alone.
        #expect(message([endpoint(.post, "/a/bulk", id: "a")]).contains("not for quick"))
        #expect(message([endpoint(.post, "/a/rows", id: "a", lane: .bulk)]).contains("not for bulk"))
        #expect(throws: Never.self) { try router([endpoint(.post, "/a/bulk", id: "a", lane: .bulk)]) }
    }

    @Test func unknownQueryParametersAreNamed() async throws {
        let router = try router([
            endpoint(.get, "/a", id: "a", parameters: [.query("limit", "Size.", 1...500, default: 50)]) {
                .json(.int(Int64(try $0.query.int("limit", 1...500, default: 50))))
            },
            endpoint(.get, "/free", id: "free", query: .filters(description: "Any field.")) {
                .json(.array($0.query.items.map { .string("\($0.name)=\($0.value)") }))
            },
        ])
        #expect(try await router.json(.get, "/a").json == 50)
        #expect(try await router.json(.get, "/a?limit=500").json == 500)
        let unknown = try await router.json(.get, "/a?limt=5&x=1")
        #expect(unknown.status == 400)
        #expect(unknown.json["errors"]?.array?.compactMap { $0["path"]?.string } == ["limt", "x"])
        for bad in ["0", "501", "x", "", "1&limit=2", "%zz", "99999999999999999999"] {
            #expect(try await router.json(.get, "/a?limit=\(bad)").status == 400, "\(bad)")
        }
        #expect(
            try await router.json(.get, "/free?createdAt.gte=2026&q=a+b%2B&flag").json
                == ["createdAt.gte=2026", "q=a b+", "flag="])
    }

    @Test func bodiesAreChecked() async throws {
        let router = try router([
            endpoint(.post, "/a", id: "a", body: .json(lead, limit: 20)) { .json(try await $0.json()) },
            endpoint(.post, "/optional", id: "o", body: .json(lead, required: false)) { .json(try await $0.json()) },
        ])
        let json: HTTPHeaders = ["Content-Type": "application/json; charset=utf-8"]
        #expect(try await router.json(.post, "/a", headers: json, body: #"{"a": 1}"#).json == ["a": 1])
        #expect(try await router.json(.post, "/a", body: "{}").status == 415)
        #expect(try await router.json(.post, "/a", headers: ["Content-Type": "text/csv"], body: "{}").status == 415)
        #expect(
            try await router.json(.post, "/a", headers: json, body: String(repeating: " ", count: 21)).status == 413)
        let broken = try await router.json(.post, "/a", headers: json, body: "{\n\"a\": ]")
        #expect(broken.status == 400)
        #expect(broken.json["detail"]?.string?.contains("ine 2") == true)
        #expect(try await router.json(.post, "/a", headers: json, body: "[]").json["code"] == "malformedJSON")
        #expect(try await router.json(.post, "/a", headers: json).status == 400)
        #expect(try await router.json(.post, "/optional").json == [:])
    }

    @Test func permissionsAreCheckedBeforeTheHandler() async throws {
        struct Identity: Middleware {
            func respond(
                to call: Call, next: @Sendable (Call) async throws -> HTTPResponse
            ) async throws -> HTTPResponse {
                var call = call
                if let role = call.request.headers["Role"] {
                    call.principal = Principal(
                        tenant: .make(), subject: "s", kind: .user, role: role,
                        permissions: role == "sales" ? ["leads.write"] : [], visibility: .own)
                }
                return try await next(call)
            }
        }
        let router = try router(
            [
                endpoint(.post, "/a", id: "a", permission: "leads.write"),
                endpoint(.get, "/any", id: "any", permission: .anyCaller), endpoint(.get, "/open", id: "open"),
            ], middleware: [Identity()])
        #expect(try await router.json(.post, "/a").status == 401)
        #expect(try await router.json(.post, "/a", headers: ["Role": "executive"]).status == 403)
        #expect(try await router.json(.post, "/a", headers: ["Role": "sales"]).status == 200)
        #expect(try await router.json(.get, "/any").status == 401)
        #expect(try await router.json(.get, "/any", headers: ["Role": "executive"]).status == 200)
        #expect(try await router.json(.get, "/open").status == 200)
    }

    /// Its task was cancelled: what the body would read cannot be read in it any more.
    @Test func aBodyThatBeginsAfterTheDeadlineIsNotBegun() async throws {
        let router = try router([
            endpoint(.get, "/late", id: "late", timeout: .milliseconds(20)) { _ in
                try? await Task.sleep(for: .seconds(60))
                return HTTPResponse(.ok, body: .stream { nil })
            }
        ])
        let loop = EventLoop()
        let status = await Task(executorPreference: loop) {
            await router.respond(to: HTTPRequest(.get, "/late")).status
        }.value
        #expect(status == 503)
        await loop.shutdown()
    }

    @Test func errorsBecomeAnswersInOnePlace() async throws {
        struct Secret: Error { let password = "hunter2" }
        struct Down: Error {}
        let reported = Mutex<[String]>([])
        let router = try Router(
            [
                endpoint(.get, "/secret", id: "secret") { _ in throw Secret() },
                endpoint(.get, "/down", id: "down") { _ in throw Down() },
                endpoint(.get, "/slow", id: "slow", timeout: .milliseconds(20)) { _ in
                    try await Task.sleep(for: .seconds(60))
                    return .noContent
                },
            ],
            events: RouterEvents(unexpected: { error, request, operation in
                reported.withLock { $0.append("\(operation ?? "") \(request.id) \(type(of: error))") }
            }),
            translate: { $0 is Down ? Problem(.unavailable, retryAfter: .milliseconds(1500)) : nil })
        let failed = await router.respond(to: HTTPRequest(.get, "/secret", id: "request-9"))
        #expect(failed.status == 500)
        #expect(!String(decoding: try await failed.body.collect(upTo: 9999), as: UTF8.self).contains("hunter2"))
        #expect(reported.withLock { $0 } == ["secret request-9 Secret"])
        let down = await router.respond(to: HTTPRequest(.get, "/down"))
        #expect(down.status == 503)
        #expect(down.headers["Retry-After"] == "2")
        let slow = await router.respond(to: HTTPRequest(.get, "/slow"))
        #expect(slow.status == 503)
        #expect(slow.headers["Retry-After"] == "1")
    }

    @Test func conditionsAndKeysAreRead() async throws {
        let router = try router([
            endpoint(.patch, "/a", id: "a") { call in
                let condition = try call.ifMatch()
                return .json([
                    .bool(condition?.admits(3) ?? true), .string(try call.idempotencyKey() ?? ""),
                ])
            }
        ])
        let admitted = { (tag: String) in
            try await router.json(.patch, "/a", headers: ["If-Match": tag]).json[0]?.bool
        }
        #expect(try await admitted("\"3\"") == true)
        #expect(try await admitted("\"2\", \"3\"") == true)
        #expect(try await admitted("*") == true)
        #expect(try await admitted("\"2\"") == false)
        #expect(try await admitted("W/\"3\"") == false)
        #expect(try await admitted("\"foreign\"") == false)
        #expect(try await router.json(.patch, "/a", headers: ["If-Match": "3"]).status == 400)
        #expect(try await router.json(.patch, "/a", headers: ["Idempotency-Key": "\"k-1\""]).json[1] == "k-1")
        #expect(try await router.json(.patch, "/a", headers: ["Idempotency-Key": "a b"]).status == 400)
    }
}
