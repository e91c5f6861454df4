extension Problem {
    /// The answer to a request that the server refused before any route was found: for ``HTTPServerOptions/refusal``.
    public static func refusal(_ status: HTTPStatus, reason: String, requestID: String) -> HTTPResponse {
        let type = ProblemType.common.first { $0.status == status.code } ?? .malformedRequest
        var problem = Problem(type, .init(en: reason, zh: "\(type.advice.chinese)（\(reason)）"))
        if status == .serviceUnavailable { problem.retryAfter = .seconds(1) }
        var response = problem.response(requestID: requestID)
        response.status = status
        return response
    }
}
