using OrleansGeo.Primitives;

namespace OrleansGeo.Simulation.Checkers;

/// <summary>
/// Every acknowledged write is there in the end, or a later version took its place; nothing is there that nobody wrote or that certainly
/// failed; and versions of a key go up in real time, no two writes sharing one.
/// </summary>
public static class LostWriteChecker
{
    /// <summary>The verdict on what clients were told, against what is there.</summary>
    public static Verdict Check(History history, FinalState final) =>
        Verdict.Of(history.ByKey.SelectMany(key => CheckKey([.. key], final.VersionsOf(key.Key), final.IsComplete)));

    private static IEnumerable<string> CheckKey(List<Operation> operations, IReadOnlyList<KeyVersion> versions, bool isComplete) =>
        Lost(operations, versions, isComplete)
            .Concat(Invented(operations, versions))
            .Concat(OutOfOrder(operations));

    private static IEnumerable<string> Lost(List<Operation> operations, IReadOnlyList<KeyVersion> versions, bool isComplete)
    {
        var byVersion = versions.ToDictionary(version => version.Version);
        var newest = versions.Count == 0 ? HlcTimestamp.Zero : versions[^1].Version;
        foreach (var write in operations.Where(operation => operation.IsAcknowledgedWrite && operation.Version is not null))
        {
            if (byVersion.TryGetValue(write.Version!.Value, out var same))
            {
                if (same.Value != (write.WritesValue ? write.Value : null))
                {
                    yield return $"an acknowledged write is there with another value, {same}:\n  {write}";
                }
            }
            else if (isComplete || newest < write.Version.Value)
            {
                var there = versions.Count == 0 ? "none" : versions[^1].ToString();
                yield return $"an acknowledged write is lost, the newest version there is {there}:\n  {write}";
            }
        }
    }

    private static IEnumerable<string> Invented(List<Operation> operations, IReadOnlyList<KeyVersion> versions)
    {
        var possible = operations.Where(MayHaveEffect).Select(operation => operation.WritesValue ? operation.Value : null).ToHashSet();
        foreach (var version in versions.Where(version => !possible.Contains(version.Value)))
        {
            var failed = operations.Find(operation => operation.WritesValue && operation.Value == version.Value);
            yield return failed is null
                ? $"key '{operations[0].Key}' holds {version}, which nobody wrote"
                : $"key '{operations[0].Key}' holds {version}, of a write that certainly had no effect:\n  {failed}";
        }
    }

    private static bool MayHaveEffect(Operation operation) =>
        operation.Kind != OperationKind.Read && (operation.IsAcknowledgedWrite || operation.Outcome == OperationOutcome.Unknown);

    private static IEnumerable<string> OutOfOrder(List<Operation> operations)
    {
        var writes = operations.Where(operation => operation.IsAcknowledgedWrite && operation.Version is not null).ToList();
        foreach (var twins in writes.GroupBy(write => write.Version).Where(group => group.Count() > 1))
        {
            yield return $"several writes share a version:\n  {string.Join("\n  ", twins)}";
        }

        Operation? highest = null;
        var returned = new Queue<Operation>(writes.OrderBy(write => write.ReturnedAtMicros));
        foreach (var write in writes.OrderBy(write => write.InvokedAtMicros))
        {
            while (returned.Count > 0 && returned.Peek().ReturnedAtMicros < write.InvokedAtMicros)
            {
                var earlier = returned.Dequeue();
                highest = highest is null || highest.Version!.Value < earlier.Version!.Value ? earlier : highest;
            }

            if (highest is not null && write.Version!.Value < highest.Version!.Value)
            {
                yield return $"a write has a lower version than one that was over before it began:\n  {highest}\n  {write}";
            }
        }
    }
}
