namespace OrleansGeo.Simulation.Checkers;

/// <summary>
/// A quick look for contradictions between values that only one operation can have written (after Gibbons and Korach, 1997). Such a
/// value is held for one stretch of time, and everyone who met it touched that stretch: it was held at least from the first of their
/// returns to the last of their invocations. Where two stretches overlap no order exists. This finds most violations at once, whatever the
/// number of unknown operations, and shows them with four operations at most; finding none proves nothing.
/// </summary>
internal static class ValueZones
{
    /// <summary>A contradiction in words, or null.</summary>
    public static string? Contradiction(IReadOnlyList<Operation> operations, string? initial)
    {
        var zones = Zones(operations, initial).ToList();
        if (zones.Find(zone => zone.Write is { } write && zone.FirstOver.ReturnedAtMicros < write.InvokedAtMicros) is { } early)
        {
            return $"{early.What} was met before anyone wrote it:\n  {early.FirstOver}\n  {early.Write}";
        }

        var held = zones.Where(zone => zone.From < zone.To).OrderBy(zone => zone.From).ThenBy(zone => zone.LastBegun.Id).ToList();
        for (var i = 1; i < held.Count; i++)
        {
            if (held[i].From < held[i - 1].To)
            {
                return Both(held[i - 1], held[i]);
            }
        }

        var nothing = operations.Where(FoundNothing).Select(operation => Zone.Of("nothing", [operation]));
        foreach (var point in zones.Where(zone => zone.From >= zone.To).Concat(nothing))
        {
            var at = held.FindLastIndex(zone => zone.From < point.To);
            if (at >= 0 && point.From < held[at].To)
            {
                return Both(held[at], point);
            }
        }

        return null;
    }

    private static string Both(Zone zone, Zone other) =>
        $"{zone.What} was held all the time from the first to the second of\n  {zone.FirstOver}\n  {zone.LastBegun}\n"
        + $"but {other.What} was met in between:\n"
        + string.Join('\n', new[] { other.FirstOver, other.LastBegun }.Distinct().Select(operation => "  " + operation));

    private static IEnumerable<Zone> Zones(IReadOnlyList<Operation> operations, string? initial)
    {
        var writers = operations.Where(operation => operation.WritesValue && operation.Outcome != OperationOutcome.Failed)
            .ToLookup(operation => operation.Value!);
        var answered = operations.Where(operation => operation.Outcome == OperationOutcome.Ok);
        foreach (var met in answered.SelectMany(Met).GroupBy(met => met.Value))
        {
            var writes = writers[met.Key].ToList();
            if (writes.Count == 1 && met.Key != initial)
            {
                var members = met.Select(entry => entry.Operation).Append(writes[0]).Distinct().ToList();
                yield return Zone.Of($"'{met.Key}'", members) with { Write = writes[0] };
            }
        }
    }

    // The values an answer proves to have been there, at some moment of the operation.
    private static IEnumerable<(string Value, Operation Operation)> Met(Operation operation)
    {
        if (operation.Applied != false && operation.Value is not null)
        {
            yield return (operation.Value, operation);
        }

        if (operation is { Kind: OperationKind.CompareAndSet, Applied: true, ExpectedValue: not null })
        {
            yield return (operation.ExpectedValue, operation);
        }
    }

    private static bool FoundNothing(Operation operation) => operation.Outcome == OperationOutcome.Ok && operation switch
    {
        { Kind: OperationKind.Read, Value: null } => true,
        { Kind: OperationKind.Insert, Applied: true } => true,
        { Kind: OperationKind.Delete, Applied: false } => true,
        _ => false,
    };

    private sealed record Zone(string What, Operation FirstOver, Operation LastBegun)
    {
        public Operation? Write { get; init; }

        public long From => FirstOver.ReturnedAtMicros;

        public long To => LastBegun.InvokedAtMicros;

        public static Zone Of(string what, IReadOnlyList<Operation> members) =>
            new(
                what,
                members.Where(member => member.Outcome == OperationOutcome.Ok).MinBy(member => member.ReturnedAtMicros)!,
                members.MaxBy(member => member.InvokedAtMicros)!);
    }
}
