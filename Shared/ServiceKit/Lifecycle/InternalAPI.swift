import HTTP
import JSON

/// What a service offers its siblings on the internal port, behind their identity tokens: its tenants, its part of the
/// API document, and endpoints of its own (steps of sagas).
public struct InternalAPI: Sendable {
    private let router: Router

    /// - Parameters:
    ///   - endpoints: the service's own, ``TenantEndpoints`` among them.
    ///   - document: the OpenAPI document of its public endpoints, answered at `/internal/openapi.json` to anyone.
    ///   - identity: knows the keys of the gateway and of the services that may call.
    ///   - translate: as of the public router.
    public init(
        _ endpoints: [Endpoint], document: JSON, identity: IdentityMiddleware, telemetry: HTTPTelemetry,
        translate: @escaping @Sendable (any Error) -> Problem? = { DatabaseProblems.problem(for: $0) }
    ) throws(RouteConflict) {
        let bytes = document.serialize()
        let openAPI = Endpoint(
            .get, "/internal/openapi.json", id: "internalDocument", summary: "The service's part of the API document.",
            permission: .everyone, responses: [ResponseSpec(200, "OpenAPI 3.1")]
        ) { _ in .json(bytes: bytes) }
        router = try Router(
            endpoints + [openAPI], middleware: [identity], events: telemetry.events, translate: translate)
    }

    /// For ``InternalRoutes``.
    public var handler: HTTPHandler { router.handler }
}
