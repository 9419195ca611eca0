using System.CommandLine;

namespace OrleansGeo.Silo;

/// <summary>Makes the file that the seed nodes of a new cluster are given.</summary>
internal static class InitCommand
{
    /// <summary>The command with its options.</summary>
    public static Command Make()
    {
        var file = new Option<string>("--cluster-file")
        {
            Description = "the file to make; it holds the cluster's secret",
            Required = true,
        };
        var id = new Option<string?>("--cluster-id") { Description = "id of the cluster; made up when not given" };
        var seeds = new Option<string[]>("--seed")
        {
            Description = "a node the cluster begins with, as NAME=REGION/ZONE or NAME=REGION/ZONE@HTTP-ADDRESS; ids follow the order",
            Required = true,
        };
        var command = new Command("init", "makes a new cluster: the file that its seed nodes are given") { file, id, seeds };
        command.SetAction(parsed =>
        {
            try
            {
                var cluster = ClusterFile.New(parsed.GetValue(id), parsed.GetValue(seeds)!.Select(Parse));
                if (cluster.Wrong() is { } wrong)
                {
                    throw new SiloRefusedException($"No cluster can be made: {wrong}");
                }

                cluster.Write(parsed.GetValue(file)!);
                Console.WriteLine($"cluster {cluster.ClusterId} of {cluster.Seeds.Length} nodes; give the file to each of them");
                return ExitCodes.Done;
            }
            catch (SiloRefusedException refused)
            {
                Console.Error.WriteLine($"geo-silo: {refused.Message}");
                return ExitCodes.Usage;
            }
        });
        return command;
    }

    private static SeedNode Parse(string text, int position)
    {
        var named = text.Split('=', 2);
        var placed = named.Length == 2 ? named[1].Split('@', 2) : [];
        var labels = placed.Length > 0 ? placed[0].Split('/') : [];
        return labels.Length == 2
            ? new(position + 1, named[0], labels[0], labels[1], placed.Length == 2 ? placed[1] : null)
            : throw new SiloRefusedException($"--seed {text} is not NAME=REGION/ZONE or NAME=REGION/ZONE@HTTP-ADDRESS.");
    }
}
