namespace OrleansGeo.Tests.Architecture;

/// <summary>How a rule's findings become a test's result.</summary>
public static class Expect
{
    /// <summary>Fails with every finding on a line of its own.</summary>
    public static void Nothing(IEnumerable<string> findings)
    {
        var all = findings.ToList();
        Assert.True(all.Count == 0, string.Join('\n', all.Prepend($"{all.Count} found:")));
    }

    /// <summary>Fails unless there is exactly one finding and it has the words.</summary>
    public static void One(IEnumerable<string> findings, string words) =>
        Assert.Contains(words, Assert.Single(findings), StringComparison.Ordinal);
}
