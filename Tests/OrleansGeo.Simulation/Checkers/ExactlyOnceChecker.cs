namespace OrleansGeo.Simulation.Checkers;

/// <summary>A request, retried any number of times under one id, that adds a token to what a key holds.</summary>
public sealed record TokenRequest(string RequestId, string Key, string Token, OperationOutcome Outcome);

/// <summary>A request, retried any number of times under one id, that adds an amount to a counter.</summary>
public sealed record AmountRequest(string RequestId, string Key, long Amount, OperationOutcome Outcome);

/// <summary>A request id takes effect once when it was acknowledged, never when it certainly failed, and at most once otherwise.</summary>
public static class ExactlyOnceChecker
{
    /// <summary>
    /// Compares requests with the tokens each key holds in the end. Every request has a token of its own. The tokens of a key are the items
    /// of its list, or the values of its versions when none was collected.
    /// </summary>
    public static Verdict CheckTokens(
        IReadOnlyList<TokenRequest> requests,
        IReadOnlyDictionary<string, IReadOnlyList<string>> tokensByKey) =>
        Verdict.Of(SharedTokens(requests).Concat(WrongCounts(requests, tokensByKey)).Concat(UnknownTokens(requests, tokensByKey)));

    /// <summary>The same for the writes of a history that carry a request id, each of them writing a value of its own.</summary>
    public static Verdict CheckVersions(History history, FinalState final)
    {
        var requests = history.Operations
            .Where(operation => operation is { RequestId: not null, WritesValue: true })
            .Select(operation => new TokenRequest(
                operation.RequestId!,
                operation.Key,
                operation.Value!,
                operation.Applied == false ? OperationOutcome.Failed : operation.Outcome))
            .ToList();
        var tokens = requests.Select(request => request.Token).ToHashSet();
        var keys = requests.Select(request => request.Key).Distinct();
        var byKey = keys.ToDictionary(key => key, key => TokensIn(final.VersionsOf(key), tokens));
        return CheckTokens(requests, byKey);
    }

    private static IReadOnlyList<string> TokensIn(IReadOnlyList<KeyVersion> versions, HashSet<string> tokens) =>
        [.. versions.Select(version => version.Value).OfType<string>().Where(tokens.Contains)];

    /// <summary>Compares requests with the sums in the end. Weaker than tokens: two errors that cancel out are not seen.</summary>
    public static Verdict CheckSums(IReadOnlyList<AmountRequest> requests, IReadOnlyDictionary<string, long> sumsByKey) =>
        Verdict.Of(requests.GroupBy(request => request.Key).OrderBy(group => group.Key, StringComparer.Ordinal).SelectMany(key =>
        {
            var sure = key.Where(request => request.Outcome == OperationOutcome.Ok).Sum(request => request.Amount);
            var open = key.Where(request => request.Outcome == OperationOutcome.Unknown).Select(request => request.Amount).ToList();
            var least = sure + open.Where(amount => amount < 0).Sum();
            var most = sure + open.Where(amount => amount > 0).Sum();
            var sum = sumsByKey.GetValueOrDefault(key.Key);
            return sum >= least && sum <= most
                ? Array.Empty<string>()
                : [$"counter '{key.Key}' is {sum}; what was acknowledged and what may have happened allow {least} to {most}"];
        }));

    private static IEnumerable<string> SharedTokens(IReadOnlyList<TokenRequest> requests) =>
        requests.GroupBy(request => (request.Key, request.Token)).Where(group => group.Count() > 1)
            .Select(group => (group.Key.Token, Ids: string.Join(", ", group.Select(request => request.RequestId))))
            .Select(shared => $"the test is wrong: requests {shared.Ids} share token '{shared.Token}'");

    private static IEnumerable<string> WrongCounts(
        IReadOnlyList<TokenRequest> requests,
        IReadOnlyDictionary<string, IReadOnlyList<string>> tokensByKey)
    {
        var counts = tokensByKey.SelectMany(key => key.Value.Select(token => (key.Key, token))).CountBy(entry => entry).ToDictionary();
        foreach (var request in requests)
        {
            var count = counts.GetValueOrDefault((request.Key, request.Token));
            var (least, most) = request.Outcome switch
            {
                OperationOutcome.Ok => (1, 1),
                OperationOutcome.Failed => (0, 0),
                _ => (0, 1),
            };
            if (count < least || count > most)
            {
                var told = request.Outcome.ToString().ToLowerInvariant();
                yield return $"request {request.RequestId} ({told}) took effect {count} times: '{request.Token}' in key '{request.Key}'";
            }
        }
    }

    private static IEnumerable<string> UnknownTokens(
        IReadOnlyList<TokenRequest> requests,
        IReadOnlyDictionary<string, IReadOnlyList<string>> tokensByKey)
    {
        var known = requests.Select(request => (request.Key, request.Token)).ToHashSet();
        return tokensByKey.OrderBy(key => key.Key, StringComparer.Ordinal)
            .SelectMany(key => key.Value.Where(token => !known.Contains((key.Key, token)))
                .Select(token => $"key '{key.Key}' holds token '{token}', which no request carried"));
    }
}
