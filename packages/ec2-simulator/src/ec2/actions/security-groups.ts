import { AwsError } from "../../errors.js";
import { stopIfDryRun, type Action } from "../action.js";
import { compileFilters, type FilterFields } from "../filters.js";
import { cutPage, readPage } from "../pages.js";
import { Tags } from "../tags.js";

interface SecurityGroup {
  id: string;
  name: string;
  vpcId: string;
  ownerId: string;
  seq: number;
  tags: Tags;
}

const FILTERS: FilterFields<SecurityGroup> = {
  "group-id": ({ id }) => id,
  "group-name": ({ name }) => name,
  "vpc-id": ({ vpcId }) => vpcId,
  "owner-id": ({ ownerId }) => ownerId,
};

/** Each account has one in each Region: that of its default VPC. Launches may name others; they aren't checked. */
export const describeSecurityGroups: Action = {
  accepts: ["DryRun", "Filter", "GroupId", "GroupName", "MaxResults", "NextToken"],
  ignores: [],
  run(context) {
    const { request, region, name } = context;
    const { vpcId, securityGroupId } = region.network;
    const only: SecurityGroup = {
      id: securityGroupId,
      name: "default",
      vpcId,
      ownerId: region.account,
      seq: 1,
      tags: new Tags(),
    };
    const [ids, names] = [request.list("GroupId"), request.list("GroupName")];
    const unknown = ids.find((id) => id !== only.id) ?? names.find((one) => one !== only.name);
    if (unknown !== undefined)
      throw new AwsError("InvalidGroup.NotFound", `The security group '${unknown}' does not exist`);
    const pageRequest = readPage(request, name, "GroupId");
    const filters = compileFilters(request, FILTERS);
    const page = cutPage(
      [only].filter((group) => filters.matches(group)),
      pageRequest,
      name,
    );
    stopIfDryRun(context);
    return { securityGroupInfo: page.things.map(present), nextToken: page.nextToken };
  },
};

function present({ id, name, vpcId, ownerId }: SecurityGroup) {
  return {
    ownerId,
    groupId: id,
    groupName: name,
    groupDescription: "default VPC security group",
    vpcId,
    ipPermissions: [],
    ipPermissionsEgress: [],
    tagSet: [],
  };
}
