using System.Collections.Immutable;

namespace OrleansGeo.Api.Demo;

/// <summary>What the demo can do by itself.</summary>
public static class Scripts
{
    /// <summary>Their names.</summary>
    public static ImmutableArray<string> Names { get; } = ["rejoin", .. OutagePlan.All.Select(plan => plan.Name)];

    /// <summary>Runs one; true when nothing was lost and everything came as it should.</summary>
    public static async Task<bool> RunAsync(string name, DemoHost host, DemoOutput output, CancellationToken stop)
    {
        using var client = new DemoClient();
        try
        {
            return OutagePlan.All.FirstOrDefault(plan => plan.Name == name) is { } plan
                ? await new OutageScript(plan, new DemoStage(host, client, output), client, output).RunAsync(stop)
                : await new RejoinScript(host, client, output).RunAsync(stop);
        }
        catch (DemoFailedException failed)
        {
            output.Line($"FAILED: {failed.Message}");
            return false;
        }
    }
}
