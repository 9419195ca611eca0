using System.Globalization;
using YamlDotNet.RepresentationModel;

namespace OrleansGeo.Tests.Deployment.Kubernetes;

/// <summary>What must hold in every region. No real cluster is asked.</summary>
public sealed class OverlayTests
{
    private const string Selector = "app.kubernetes.io/name";
    private const string Hostname = "kubernetes.io/hostname";
    private const string Zone = "topology.kubernetes.io/zone";

    public static TheoryData<string> Overlays => [.. Manifests.Regions.SelectMany(static region => new[]
    {
        $"overlays/{region}", $"first-start/{region}", $"join/{region}",
    })];

    public static TheoryData<string> Everything => [.. Overlays.Select(static row => row.Data).Append("init")];

    [Fact]
    public void There_are_three_regions_with_three_zones_and_nine_nodes_whose_names_differ()
    {
        Assert.Equal(["europe-west1", "us-east1", "us-west1"], Manifests.Regions);
        var nodes = Manifests.Regions.SelectMany(Nodes).ToList();
        Assert.Equal(9, nodes.Select(static node => node.Name).Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(9, nodes.Select(static node => (node.Region, node.Zone)).Distinct().Count());
        Assert.All(nodes.GroupBy(static node => node.Region), static region => Assert.Equal(3, region.Count()));
    }

    [Fact]
    public void The_seeds_are_exactly_the_nodes_with_their_labels()
    {
        var words = Manifests.Read("seeds.rsp").Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        Assert.All(words.Where(static (_, at) => at % 2 == 0), static word => Assert.Equal("--seed", word));
        Assert.Equal(
            Manifests.Regions.SelectMany(Nodes).Select(static node => $"{node.Name}={node.Region}/{node.Zone}")
                .Order(StringComparer.Ordinal),
            words.Where(static (_, at) => at % 2 == 1).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Nodes_that_join_have_names_of_their_own_and_share_no_machine_with_seeds()
    {
        foreach (var region in Manifests.Regions)
        {
            var (seeds, joining) = (Sets($"overlays/{region}"), Sets($"join/{region}"));
            Assert.Empty(seeds.Select(static set => set.Name()).Intersect(joining.Select(static set => set.Name())));
            Assert.Equal(seeds.Select(ZoneOf), joining.Select(ZoneOf));
            foreach (var (seed, other) in seeds.Zip(joining))
            {
                var (pod, otherPod) = (seed.At("spec.template")!, other.At("spec.template")!);
                var spread = Assert.Single(otherPod.Items("spec.topologySpreadConstraints")).At("labelSelector.matchLabels")!;
                Assert.True(Selects(spread, pod) && Selects(spread, otherPod));
                Assert.False(Selects(other.At("spec.selector.matchLabels")!, pod));
                Assert.True(Selects(other.At("spec.selector.matchLabels")!, otherPod));
            }
        }
    }

    [Fact]
    public void What_is_applied_for_joining_leaves_the_region_as_it_is()
    {
        foreach (var region in Manifests.Regions)
        {
            var there = Manifests.Render($"overlays/{region}").ToDictionary(static one => (one.Text("kind"), one.Name()));
            var joining = Manifests.Render($"join/{region}").Where(static one => one.Text("kind") != "StatefulSet").ToList();
            Assert.NotEmpty(joining);
            Assert.All(joining, one => Assert.Equal(there[(one.Text("kind"), one.Name())].ToString(), one.ToString()));
        }
    }

    [Fact]
    public void Every_region_has_a_database_and_their_number_is_odd()
    {
        var each = Manifests.Regions.Select(static region => Rendered($"overlays/{region}", "ConfigMap", "geo-cluster-")).ToList();
        var databases = Assert.Single(each.Select(static map => map.Text("data.GEO_CLUSTERING")!).Distinct(StringComparer.Ordinal))
            .Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.True(databases.Length >= 3 && databases.Length % 2 == 1, $"{databases.Length} databases");
        Assert.Equal(
            Manifests.Regions, databases.Select(static line => line.Split('=')[0]).Order(StringComparer.Ordinal));
        Assert.All(databases, static line =>
        {
            Assert.DoesNotContain("Password=", line, StringComparison.OrdinalIgnoreCase);
            Assert.Contains("SSL Mode=VerifyFull", line, StringComparison.Ordinal);
        });
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public void A_node_stays_in_the_zone_that_it_names_and_shares_no_machine(string overlay)
    {
        foreach (var set in Sets(overlay))
        {
            var pod = set.At("spec.template")!;
            Assert.Equal("1", set.Text("spec.replicas"));
            Assert.Equal(ZoneOf(set), pod.At("spec.nodeSelector")!.Pairs()[Zone]);
            Assert.Equal("metadata.labels['orleansgeo.dev/zone']", Variables(pod).Single(static v => v.Name == "GEO_ZONE").Field);
            var spread = Assert.Single(pod.Items("spec.topologySpreadConstraints"));
            Assert.Equal((Hostname, "DoNotSchedule", "1"), (
                spread.Text("topologyKey"), spread.Text("whenUnsatisfiable"), spread.Text("maxSkew")));
            Assert.True(Selects(spread.At("labelSelector.matchLabels")!, pod));
        }
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public void Nodes_are_probed_over_HTTPS_where_probes_need_no_key(string overlay)
    {
        foreach (var container in Sets(overlay).SelectMany(static set => set.Items("spec.template.spec.containers")))
        {
            foreach (var (probe, path) in new[] { ("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz") })
            {
                var get = container.At($"{probe}.httpGet")!;
                Assert.Equal((path, "https", "HTTPS"), (get.Text("path"), get.Text("port"), get.Text("scheme")));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public void One_node_of_the_region_is_disrupted_at_a_time(string overlay)
    {
        var budget = Assert.Single(Present(overlay).Of("PodDisruptionBudget"));
        Assert.Equal("1", budget.Text("spec.maxUnavailable"));
        Assert.All(Sets(overlay), set =>
        {
            Assert.True(Selects(budget.At("spec.selector.matchLabels")!, set.At("spec.template")!));

            // The sets of a region do not know each other, so none may roll by itself.
            Assert.Equal("OnDelete", set.Text("spec.updateStrategy.type"));
        });
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public void A_node_has_the_time_to_hand_over_and_stop(string overlay)
    {
        foreach (var pod in Sets(overlay).Select(static set => set.At("spec.template")!))
        {
            var drain = Number(Variables(pod).Single(static variable => variable.Name == "GEO_DRAIN_SECONDS").Value);
            Assert.True(drain > 0);
            Assert.True(Number(pod.Text("spec.terminationGracePeriodSeconds")) > drain + SiloOptions.StopSeconds);
        }
    }

    [Theory]
    [MemberData(nameof(Everything))]
    public void Pods_may_do_nothing_that_they_need_not(string overlay)
    {
        var pods = Pods(overlay).ToList();
        Assert.NotEmpty(pods);
        foreach (var pod in pods)
        {
            Assert.Equal("false", pod.Text("spec.automountServiceAccountToken"));
            Assert.Equal("true", pod.Text("spec.securityContext.runAsNonRoot"));
            Assert.Equal("1654", pod.Text("spec.securityContext.runAsUser"));
            Assert.Equal("RuntimeDefault", pod.Text("spec.securityContext.seccompProfile.type"));
            Assert.DoesNotContain(pod.At("spec")!.Pairs().Keys, static name => name.StartsWith("host", StringComparison.Ordinal));
            foreach (var container in pod.Items("spec.containers"))
            {
                Assert.Equal("true", container.Text("securityContext.readOnlyRootFilesystem"));
                Assert.Equal("false", container.Text("securityContext.allowPrivilegeEscalation"));
                Assert.Equal("ALL", ((YamlScalarNode)Assert.Single(container.Items("securityContext.capabilities.drop"))).Value);
                Assert.NotNull(container.Text("resources.requests.cpu"));
                Assert.Equal(container.Text("resources.requests.memory"), container.Text("resources.limits.memory"));
                Assert.DoesNotContain("latest", container.Text("image")!, StringComparison.Ordinal);
                Assert.Contains(':', container.Text("image")!);
            }
        }

        Assert.Contains(
            "USER 1654\n", File.ReadAllText(Path.Combine(Manifests.Root, "infra/docker/Dockerfile")), StringComparison.Ordinal);
        Assert.DoesNotContain(Manifests.Render(overlay), static resource =>
            resource.Text("kind") is "Role" or "RoleBinding" or "ClusterRole" or "ClusterRoleBinding" or "Secret");
    }

    [Theory]
    [MemberData(nameof(Everything))]
    public void Every_secret_setting_and_account_that_is_named_is_there(string overlay)
    {
        var resources = Manifests.Render(overlay);
        var secrets = Manifests.Render("secrets-example").ToDictionary(
            static secret => secret.Name(), static secret => secret.Map("stringData").Keys.ToHashSet(StringComparer.Ordinal));
        foreach (var pod in Pods(overlay))
        {
            Assert.Contains(resources.Of("ServiceAccount"), account => account.Name() == pod.Text("spec.serviceAccountName"));
            var volumes = pod.Items("spec.volumes").ToDictionary(static volume => volume.Text("name")!);
            foreach (var volume in volumes.Values.Where(static volume => volume.At("secret") is not null))
            {
                var keys = secrets[volume.Text("secret.secretName")!];
                Assert.All(volume.Items("secret.items"), item => Assert.Contains(item.Text("key")!, keys));
            }

            foreach (var container in pod.Items("spec.containers"))
            {
                Assert.All(container.Items("envFrom"), from => Assert.Contains(
                    resources.Of("ConfigMap"), map => map.Name() == from.Text("configMapRef.name")));
                Assert.All(
                    container.Items("volumeMounts").Select(static mount => mount.Text("name")!).Where(static name => name != "data"),
                    name => Assert.Contains(name, volumes.Keys));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Everything))]
    public void Every_file_that_is_named_is_mounted(string overlay)
    {
        foreach (var pod in Pods(overlay))
        {
            var mounted = MountedFiles(pod);
            var named = Variables(pod).Select(static variable => variable.Value ?? "")
                .Concat(Words(pod))
                .Concat(Rendered(overlay, "ConfigMap", "geo-cluster-").Text("data.GEO_CLUSTERING")!
                    .Split(';', '\n').Select(static part => part.Split('=')[^1]))
                .Where(static text => text.StartsWith("/etc/geo/", StringComparison.Ordinal)).ToList();
            Assert.NotEmpty(named);
            Assert.All(named, path => Assert.Contains(path, mounted));
        }
    }

    [Theory]
    [MemberData(nameof(Everything))]
    public void Every_option_and_variable_is_one_that_geo_silo_knows(string overlay)
    {
        foreach (var pod in Pods(overlay))
        {
            var names = Names(overlay, pod);
            Assert.All(names.Where(static name => !name.StartsWith("DOTNET_", StringComparison.Ordinal)), static name =>
                Assert.Contains(name, SiloOptions.ByVariable.Keys));
            Assert.DoesNotContain("GEO_INSECURE", names);
            var words = Words(pod);
            Assert.Contains(words[0], SiloOptions.Commands);
            Assert.All(words.Where(static word => word.StartsWith("--", StringComparison.Ordinal)), static word =>
                Assert.Contains(word, SiloOptions.All));
            Assert.Equal(overlay.StartsWith("first-start/", StringComparison.Ordinal), words.Contains("--first-start"));
            Assert.Equal(overlay.StartsWith("join/", StringComparison.Ordinal), words.Contains("--join"));
        }
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public void All_that_a_node_must_be_told_it_is_told(string overlay)
    {
        foreach (var pod in Sets(overlay).Select(static set => set.At("spec.template")!))
        {
            var names = Names(overlay, pod);
            foreach (var name in new[] { "NAME", "REGION", "ZONE", "DATA", "CLUSTER_FILE", "ADDRESS", "CLUSTERING", "API_KEYS" })
            {
                Assert.Contains("GEO_" + name, names);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public void Ports_agree_everywhere(string overlay)
    {
        var resources = Present(overlay);
        foreach (var set in Sets(overlay))
        {
            var pod = set.At("spec.template")!;
            var ports = Assert.Single(pod.Items("spec.containers")).Items("ports")
                .ToDictionary(static port => port.Text("name")!, static port => port.Text("containerPort")!);
            foreach (var (name, variable) in new[] { ("https", "HTTP"), ("silo", "SILO"), ("gateway", "GATEWAY") })
            {
                Assert.Equal(ports[name], Variables(pod).Single(one => one.Name == $"GEO_{variable}_PORT").Value);
            }

            foreach (var service in resources.Of("Service"))
            {
                Assert.True(Selects(service.At("spec.selector")!, pod));
                Assert.All(service.Items("spec.ports"), port => Assert.Equal(ports[port.Text("targetPort")!], port.Text("port")));
            }

            var policy = Assert.Single(Manifests.Render(overlay).Of("NetworkPolicy"));
            Assert.True(Selects(policy.At("spec.podSelector.matchLabels")!, pod));
            var open = policy.Items("spec.ingress").SelectMany(static rule => rule.Items("ports")).Select(static port => port.Text("port"));
            Assert.Equal(ports.Values.Order(StringComparer.Ordinal), open.Order(StringComparer.Ordinal)!);
            var silos = policy.Items("spec.ingress").Single(rule => rule.Items("ports").Single().Text("port") == ports["silo"]);
            Assert.Equal(Manifests.Regions.Count, silos.Items("from").Count(static from => from.At("ipBlock") is not null));
        }

        var headless = resources.Of("Service").Single(static service => service.Text("spec.clusterIP") == "None");
        Assert.Equal("true", headless.Text("spec.publishNotReadyAddresses"));
        Assert.All(Sets(overlay), set => Assert.Equal(headless.Name(), set.Text("spec.serviceName")));
    }

    [Theory]
    [MemberData(nameof(Everything))]
    public void All_of_it_is_in_one_namespace(string overlay)
    {
        var space = Assert.Single(Manifests.Render(overlay).Of("Namespace")).Name();
        Assert.All(
            Manifests.Render(overlay).Where(static resource => resource.Text("kind") != "Namespace"),
            resource => Assert.Equal(space, resource.Text("metadata.namespace")));
    }

    private static List<YamlNode> Sets(string overlay)
    {
        var sets = Manifests.Render(overlay).Of("StatefulSet").ToList();
        Assert.Equal(3, sets.Count);
        return sets;
    }

    // What is there when a folder is applied: nodes join a region that has its services.
    private static IReadOnlyList<YamlNode> Present(string overlay) => Manifests.Render(
        overlay.StartsWith("join/", StringComparison.Ordinal) ? overlay.Replace("join/", "overlays/", StringComparison.Ordinal) : overlay);

    private static IEnumerable<YamlNode> Pods(string overlay) => Manifests.Render(overlay)
        .Where(static resource => resource.Text("kind") is "StatefulSet" or "Job").Select(static resource => resource.At("spec.template")!);

    private static IEnumerable<(string Name, string Region, string Zone)> Nodes(string overlay) =>
        Sets($"overlays/{overlay}").Select(set => (set.Name() + "-0", RegionOf($"overlays/{overlay}"), ZoneOf(set)));

    private static string RegionOf(string overlay) => Rendered(overlay, "ConfigMap", "geo-region-").Text("data.GEO_REGION")!;

    private static string ZoneOf(YamlNode set) => set.At("spec.template.metadata.labels")!.Pairs()["orleansgeo.dev/zone"];

    private static YamlNode Rendered(string overlay, string kind, string prefix) =>
        Manifests.Render(overlay).Of(kind).Single(resource => resource.Name().StartsWith(prefix, StringComparison.Ordinal));

    private static List<(string Name, string? Value, string? Field)> Variables(YamlNode pod) =>
    [
        .. pod.Items("spec.containers").SelectMany(static container => container.Items("env")).Select(static variable =>
            (variable.Text("name")!, variable.Text("value"), variable.Text("valueFrom.fieldRef.fieldPath"))),
    ];

    // Of all variables, those too that come from a ConfigMap as a whole.
    private static List<string> Names(string overlay, YamlNode pod)
    {
        var maps = pod.Items("spec.containers").SelectMany(static container => container.Items("envFrom"))
            .Select(from => Rendered(overlay, "ConfigMap", from.Text("configMapRef.name")!));
        return [.. Variables(pod).Select(static variable => variable.Name), .. maps.SelectMany(static map => map.Map("data").Keys)];
    }

    private static List<string> Words(YamlNode pod) =>
    [
        .. pod.Items("spec.containers").SelectMany(static container => container.Items("args"))
            .Select(static word => ((YamlScalarNode)word).Value!),
    ];

    private static HashSet<string> MountedFiles(YamlNode pod)
    {
        var volumes = pod.Items("spec.volumes").ToDictionary(static volume => volume.Text("name")!);
        return
        [
            .. pod.Items("spec.containers").SelectMany(static container => container.Items("volumeMounts"))
                .Where(mount => volumes.ContainsKey(mount.Text("name")!))
                .SelectMany(mount => volumes[mount.Text("name")!].Items("secret.items")
                    .Select(item => $"{mount.Text("mountPath")}/{item.Text("path")}")),
        ];
    }

    private static bool Selects(YamlNode labels, YamlNode pod)
    {
        var wanted = labels.Pairs();
        var has = pod.At("metadata.labels")!.Pairs();
        return wanted.ContainsKey(Selector) && wanted.All(label => has.TryGetValue(label.Key, out var value) && value == label.Value);
    }

    private static int Number(string? text) => int.Parse(text!, CultureInfo.InvariantCulture);
}
