import Runtime

/// The one place where errors become answers.
struct Refusals: Sendable {
    let events: RouterEvents
    let translate: @Sendable (any Error) -> Problem?

    /// Answers errors of a handler where it is known who calls: in his language, unless the request names one.
    func inLanguageOfCaller(_ handle: @escaping Endpoint.Handle) -> Endpoint.Handle {
        { call in
            guard let language = call.principal?.language, !call.request.headers.contains("Accept-Language") else {
                return try await handle(call)
            }
            do { return try await handle(call) } catch {
                // Whoever ended the task knows why.
                if Task.isCancelled { throw error }
                return answer(to: error, call.request, call.operation, language)
            }
        }
    }

    func answer(
        to error: any Error, _ request: HTTPRequest, _ operation: String?, _ language: Language
    ) -> HTTPResponse {
        problem(for: error, request, operation).response(language: language, requestID: request.id)
    }

    private func problem(for error: any Error, _ request: HTTPRequest, _ operation: String?) -> Problem {
        switch error {
        case let problem as Problem: return problem
        case is DeadlineExceeded: return Problem(.deadlineExceeded, retryAfter: .seconds(1))
        case HTTPBodyError.malformed(let reason): return Problem(.malformedRequest, .init(stringLiteral: reason))
        case HTTPBodyError.tooLarge: return Problem(.bodyTooLarge)
        case HTTPBodyError.interrupted: return Problem(.requestTimeout)
        // The client left: nobody reads the answer.
        case is CancellationError: return Problem(.unavailable, retryAfter: .seconds(1))
        case let error as HTTPClientError where error.reason != .invalidRequest:
            events.brokenExchange(error, request, operation)
            let mayHaveActed = error.reason == .malformedAnswer || error.reason == .interrupted
            return mayHaveActed ? Problem(.badGateway) : Problem(.unavailable, retryAfter: .seconds(1))
        default:
            if let problem = translate(error) { return problem }
            events.unexpected(error, request, operation)
            return Problem(.internalError)
        }
    }
}
