using System.CommandLine;

namespace OrleansGeo.Silo;

/// <summary>Makes a new cluster: the file that its seed nodes are given, and the membership in its databases.</summary>
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
            Description = "a node the cluster begins with, as NAME=REGION/ZONE or NAME=REGION/ZONE@HTTP-ADDRESS; ids follow the order; "
                + "none to prepare the databases of a cluster whose file is there",
        };
        var clustering = RunCommand.Databases();
        var storages = RunCommand.Storages();
        var command = new Command("init", "makes a new cluster: the file that its seed nodes are given, and its membership in databases")
        {
            file, id, seeds, clustering, storages,
        };
        command.SetAction((parsed, _) => ExitCodes.OfAsync(() => RunAsync(
            parsed.GetValue(file)!,
            parsed.GetValue(id),
            parsed.GetValue(seeds) ?? [],
            parsed.GetValue(clustering) ?? [],
            parsed.GetValue(storages) ?? [])));
        return command;
    }

    private static async Task RunAsync(string path, string? id, string[] seeds, string[] clustering, string[] storages)
    {
        var wrong = ClusterDatabases.Wrong(clustering).Concat(GrainStorages.Wrong(storages)).ToArray();
        if (wrong.Length > 0)
        {
            throw new SiloRefusedException(wrong);
        }

        var cluster = seeds.Length > 0 ? New(path, id, seeds) : Existing(path, id, clustering.Length + storages.Length);
        if (clustering.Length > 1)
        {
            await ClusterDatabases.FoundAsync(cluster.ClusterId, clustering);
            Console.WriteLine($"cluster {cluster.ClusterId} has its membership in {clustering.Length} databases");
        }
        else if (clustering.Length == 1)
        {
            await ClusterDatabases.PrepareOneAsync(clustering[0]);
            Console.WriteLine($"cluster {cluster.ClusterId} has its membership in one database");
        }

        if (clustering.Length > 0)
        {
            await ControlDatabases.WriteAsync(cluster, ClusterDatabases.All(clustering));
            Console.WriteLine("the cluster file is in the databases too: a silo that is given them needs no file");
        }

        if (storages.Length > 0)
        {
            await GrainStorages.PrepareAsync(storages);
            Console.WriteLine($"{storages.Length} grain storages are prepared");
        }
    }

    private static ClusterFile New(string path, string? id, string[] seeds)
    {
        var cluster = ClusterFile.New(id, seeds.Select(Parse));
        if (cluster.Wrong() is { } wrong)
        {
            throw new SiloRefusedException($"No cluster can be made: {wrong}");
        }

        cluster.Write(path);
        Console.WriteLine($"cluster {cluster.ClusterId} of {cluster.Seeds.Length} nodes; give the file to each of them");
        return cluster;
    }

    private static ClusterFile Existing(string path, string? id, int databases)
    {
        if (databases == 0 || !File.Exists(path))
        {
            throw new SiloRefusedException("--seed must be given for a new cluster.");
        }

        var cluster = ClusterFile.Read(path);
        return id is null || id == cluster.ClusterId
            ? cluster
            : throw new SiloRefusedException($"The cluster file {path} is of cluster {cluster.ClusterId}, not of {id}.");
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
